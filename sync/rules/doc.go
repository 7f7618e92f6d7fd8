// Package rules reads rule packs: the figures that custody findings are judged
// by. No limit, tolerance or deadline stands in a code path; each is a value of
// a pack, with its source.
//
// A pack is one JSON object. It names itself (id, version), the day from which
// it is in force, its jurisdiction, and its sources. Every value names one of
// those sources. A source that nobody has compared with the original text is
// marked "confirmed": false, and a report that uses a value of it says so.
//
// Numbers are decimal text in quotes ("0.5"), never JSON numbers: nothing here
// passes through a float. A time limit keeps its unit, because six months is
// not 180 days.
//
// Parse is strict: one object, no unknown or duplicate member, every required
// value there, every source named, every word known. A pack is versioned and
// never edited: another figure is another version.
//
// The package does no I/O and reads no clock. The default packs are embedded
// through package schema.
package rules
