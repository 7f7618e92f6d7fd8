// Package reading reads what air instruments write (files and live streams)
// into one neutral form, keeps the exact bytes of every row, and cuts a stream
// into segments to be sealed.
//
// # Nothing dropped, nothing repaired
//
// Put together, Series.Preamble and the Raw of every [Row] are the input, byte
// for byte. A line that cannot be read is a Row with its Raw and a [Warning].
// A figure that is absent, unreadable or marked as missing is a [Value] with
// its original text and a reason, never a zero. Figures are exact decimals;
// there is no float anywhere.
//
// # Formats
//
//	spod-csv     export of a fence-line PID (SPod): preamble, a UTC and a local time column
//	retigo-csv   RETIGO upload of a mobile run: ## preamble, columns like CO(ppb)
//	generic-csv  any CSV with one header line; see Mapping. Also the live CSV protocol
//	ndjson       the live line protocol below
//	hj212        frames of HJ 212-2017, see package hj212
//
// With Options.Format empty the form is recognised from the first lines.
//
// # Live line protocol
//
// A program that reads an instrument writes one line per reading to our
// standard input, as NDJSON or as CSV, each line ended by LF or CR LF.
//
// NDJSON: an optional first line describes the series, each further line is a
// reading. Figures are JSON numbers or strings with a plain decimal number;
// null means missing. "time" is RFC 3339 with an offset. Position is optional.
//
//	{"format":"fieldseal-readings/1","instrument":{"make":"…","model":"…","serial":"…","firmware":"…"},
//	 "channels":[{"name":"pid","quantity":"voc","unit":"[ppb]"}],"period_ms":1000,"averaging_ms":1000}
//	{"time":"2026-05-01T09:30:00.250+08:00","values":{"pid":12.50},"lat":35.9106,"lon":-78.9854}
//
// (the first line is one line). Without it, the first reading's names become
// the channels, without unit.
//
// CSV: a header line "time,pid[ppb],temperature[Cel],lat,lon", then readings
// "2026-05-01T09:30:00.250+08:00,12.50,21.3,35.9106,-78.9854". An empty cell,
// NA or -9999 means missing.
//
// # Times
//
// A row's time keeps its original text, its resolution (many instruments cut
// to the minute; Ordinal then tells the rows of one minute apart) and where its
// zone came from. An offset in the value outranks what a header says.
//
// Package reading does no I/O beyond the reader it is given.
package reading
