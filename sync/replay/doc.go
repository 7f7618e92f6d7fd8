// Package replay finds again the entries of a log that its database has lost.
// An old backup holds the first entries, the guard knows size and root of what
// was acknowledged; what lies between is put together from what others hold:
//
//   - archives of devices (fieldkit export archive): the exact lines that the
//     device sealed, pulled and carried, the place in the log of each, and
//     inclusion proofs of its own;
//   - an export of the log (C2SP tlog-tiles): every leaf, and the hashes above;
//   - court bundles: lines, leaves and the tiles that lead to a checkpoint;
//   - plain files of lines.
//
// # What is believed
//
// Nothing, until it gives the root. A leaf names an event's id, its signature,
// its key and the time it was received; a line is taken only where it is the
// line of the leaf; and the leaves are taken only where they give, with those
// that the backup has, exactly the root that was acknowledged. So a source that
// lies or is damaged can withhold, and cannot change anything.
//
// Where sources contradict each other about an entry, what a checkpoint of the
// log proves (an inclusion proof, tiles) goes before what is only said. What is
// left is tried, from one checkpoint to the next, up to a limit.
//
// Where something is missing, [MissingError] says which entries, what is known
// of each, and who may have it.
package replay
