// Package labfile reads the files in which laboratories hand over results
// (electronic data deliverables) into neutral results, and says what is wrong
// with each row before anything is imported.
//
// # All or nothing
//
// [Parse] returns every row and every problem. [File.Importable] is true only
// when no problem is an error; a caller that imports a file with errors, or
// part of one, does so against this contract. A row is never dropped, repaired
// or guessed: the original cells stay in Row.Cells, and Result holds what could
// be read of them.
//
// # Layouts
//
// A file is a table with one header line: comma, semicolon or tab, quoted as in
// RFC 4180, with or without a BOM and lines of preamble. Columns are found by
// name, in any order, by the names that EQuIS, EDF and other deliverables use
// and by common Chinese ones; see columns.go. Text is UTF-8, UTF-16 with a BOM,
// GB 18030 (GBK), or Windows-1252.
//
// # Figures
//
// A figure keeps its text; as a number it is an exact decimal. Units are given
// the spelling of package unit, the original kept beside; the figure itself is
// not converted. A CAS number gets its hyphens and its check digit is checked.
package labfile
