// Package reconcile decides what becomes of received lines, given what the log
// holds already. It is pure: the caller loads a State, Decide gives a Plan, the
// caller carries the plan out in the transaction that the state was loaded in.
//
// # Outcomes
//
//   - accepted: the event takes its place in its device's chain and in the log.
//     Where an earlier event of the device has not arrived it is pending: it
//     counts, and the plan says which sequence number it waits for.
//   - duplicate: the event is in the log; the answer is the one it was given
//     first. The same event in another envelope (ECDSA signatures are malleable)
//     is a duplicate too, code VARIANT, and the other bytes are kept.
//   - quarantined: the bytes are kept, logged and shown to people, with a code
//     that says why. The same line again gets the same answer for ever.
//
// # Chains
//
// A device's events are numbered from 1; each names the id of the one before.
// Events may arrive in any order, divided and repeated in any way: an honest
// chain ends in the same accepted events whatever the order. A chain that was
// forked keeps what arrived first and puts every line that contradicts it into
// quarantine, so that both sides are kept and shown:
//
//	REVOKED_KEY       the device's key was revoked before the line arrived
//	NOT_AUTHORITY     a device sealed what only the authority may seal
//	FORK              another event with this number is accepted already, or the
//	                  accepted event after it names another predecessor
//	UUID_REUSED       another event carries this event's UUID
//	GENESIS_MISMATCH  the first event does not name this enrolment, key and log, nor
//	                  those of the log that this one continues
//	CHAIN_BROKEN      the named predecessor is not the accepted event before it
//
// They are checked in this order, and only after the question whether the event
// is a duplicate: what was accepted before a revocation stays accepted.
//
// Revocation is judged by the order of arrival in the log, not by claimed times:
// a stolen key can claim any time.
package reconcile
