// Package source gives a server's store to the writer of court bundles: what a
// case's bundle rests on, found through the read models, read from the log.
//
// A Source is for one bundle. It answers as of the checkpoint that it gave first,
// whatever is appended meanwhile, and remembers which entries the case needs and
// their leaves. Each method opens its own short transaction.
//
// Which events of no case belong to a case: the authority's genesis (and the log
// that this one continues); every statement of the authority about a person, an
// organisation or a device that an event of the case, or one of those statements,
// names; the arrivals of the files that the case's events name; the genesis and
// clock observations of every device that sealed an event of the case, and their
// amendments; what became of the case's lines in quarantine; and the rule pack.
package source
