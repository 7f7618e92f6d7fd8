// Package custody judges what the events of a case come to: who held each thing
// when, under which seal, what the laboratory did with it, and what is wrong.
//
// # Contract
//
// Evaluate is a function of its Input alone. It does no I/O and reads no clock:
// Input.Now is the time being judged, in practice the time of a checkpoint. The
// server and the court's verifier run this same code over the same events and
// get the same Record.
//
//   - The same input gives the same output, byte for byte.
//   - The order in which events of different devices arrived does not change
//     the findings. Events are put into causal order first (see order.go): a
//     device's own chain, and every event after the events that it names by id;
//     between events that nothing ties together, claimed time decides.
//   - Nothing is changed by an amendment: the original body stays in the record
//     and the later view is a second body beside it (see amend.go).
//
// # Defects
//
// A defect is a named rule with a finding. Each code is registered once, with
// its severity, its texts in English and Chinese, the source of the rule and
// the function that finds it (see defect.go). Severities: F puts the evidence
// at risk of exclusion, C can still be cured by a stated act, W asks for a look.
// A defect says what the events say; it does not accuse.
//
// A waiver does not remove a defect. It stays in the list and names who waived
// it, by which authority and why.
//
// # What is not shown
//
// A court bundle may disclose only some of a case's events (Input.Hidden). A
// finding that rests on something being absent then proves nothing, because
// the missing event may be one that is not disclosed. Such findings are listed
// under Record.NotShown and are not defects. A finding that rests on what the
// shown events themselves say stays a defect.
package custody
