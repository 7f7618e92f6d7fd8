// Package hj212 reads and writes the frames of HJ 212-2017, the protocol by
// which online monitoring stations report to the authorities in China. It
// does no I/O of its own.
//
//	frame = "##" len4 data crc4 CR LF
//	data  = QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…[;PNUM=n;PNO=n];CP=&&area&&
//	area  = item *( ";" item )      item = name=value *( "," name=value )
//
// len4 is the length of data in four decimal digits, at most 1024 by the
// standard. crc4 is [CRC] of data in four upper-case hexadecimal digits, high
// byte first. The vector of the standard:
//
//	##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80
//
// # Evidence first
//
// Stations in the field break the standard in known ways, and what they sent
// is evidence all the same. [Scanner] cuts a byte stream into chunks whose Raw
// bytes, put together, are the stream: nothing is dropped, repaired or
// re-encoded. A chunk is a [Frame], with every defect listed in
// Frame.Problems, or garbage between frames. [Inspect] does the same for one
// frame. [Parse] is the strict reader: it refuses a frame with any defect (but
// not one with mere notices, see [Code.Notice]).
//
// # Time
//
// QN and DataTime carry no zone. The standard is a Chinese one and stations
// run on China Standard Time, so they are read as UTC+08:00 ([Zone]). That is
// an assumption about the station, not a statement in the frame, and has to be
// shown as such. By the standard DataTime is the start of the period for CN
// 2031, 2041, 2051 and 2061, and the instant for 2011.
//
// # Secrets
//
// PW is the access password of the station. It is part of the sealed bytes,
// but has no place in a log or a report.
package hj212
