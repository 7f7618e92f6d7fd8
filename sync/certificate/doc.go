// Package certificate writes the custody certificate of a case, or of chosen
// exhibits of it, as a PDF that is made to be printed, signed and put into a file.
//
// # Contract
//
// Write is a function of its Input and of the fonts alone: it reads no clock, and
// the same input gives the same bytes. One document is in one language; what
// people wrote stays as they wrote it.
//
//   - A4, fonts embedded, text that can be searched and copied. Nothing in it is
//     told by colour: black on white, with one grey for what is secondary.
//   - Every section that could be thought left out says "none recorded".
//   - No character is ever dropped or shown as an empty box. A character that no
//     font here has, and one that could turn the reading direction or hide itself,
//     is written as U+XXXX in brackets.
//   - Chinese needs a font that Go modules do not carry (see OpenFonts). Where it
//     is absent and a text needs it, Write gives a *FontError and no document.
//
// # What it is
//
// A certificate is a summary for people. It carries no signature of the ledger
// and proves nothing that the bundle of the case does not prove better; it says
// so itself, and how to check it. Package report writes the longer page that
// goes into bundles; both use its words.
package certificate
