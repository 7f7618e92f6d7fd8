// Package fieldcli is the fieldkit command: an inspector's or a laboratory's device
// on a laptop. It is a thin layer over package device: it reads flags into event
// bodies, resolves labels, and prints. Whatever is captured is durable when the
// command says "saved".
//
// Conventions of every command:
//
//   - the store is --store DIR or $FIELDKIT_STORE; the case --case or $FIELDKIT_CASE,
//     by number or id; with one case in the store it may be left out
//   - a thing is named by its label, by KIND:LABEL where two kinds share one, or by its id;
//     a person by name or id
//   - a time is RFC 3339, "2026-11-24 09:30" or "09:30" (this computer's zone), or "now"
//   - a figure is plain decimal and keeps its digits: 12.50 stays 12.50
//   - --json prints one JSON document on standard output; all else is for people
//   - exit status: 0 fine, 1 the answer is no, 2 it could not be done
package fieldcli
