// Package projection keeps the read models: what people, devices, cases, rights,
// files and things there are, as far as one event after another in log order says.
//
// Apply takes accepted events into the tables in the transaction that appends
// them, so a read never sees a log and a model of different moments. Nothing
// here is evidence: Rebuild empties the tables and computes them again from the
// event rows, to the same rows. Rules of judgement (is a chain of custody whole,
// was an actor entitled) are sync/custody's; here a claim is filed, not believed.
//
// What a row says is independent of the order in which the chains of honest
// devices arrived, but for the log indexes themselves:
//
//   - an organisation or a person is what the authority stated last;
//   - a device is what it was enrolled as, once; a second enrolment of the same
//     device has no effect, a key is changed by enrolling another device;
//   - a case belongs to the organisation of the device that opened it, or, opened
//     through the authority's own desk, to that of the acting person; the first
//     case.opened in the log counts;
//   - a thing is what its first event says. Amendments are shown by custody, the
//     label to find a thing by stays the one that was written on it.
//
// The query functions take a *store.Tx, so that an answer put together from
// several of them is of one moment. They return data, never an error for what
// is not there: found is false.
package projection
