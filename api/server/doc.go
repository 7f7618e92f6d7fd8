// Package server is the HTTP face: fiber handlers over the ingest engine and the
// read models. It decides nothing about evidence; it authenticates, bounds what a
// request may cost, translates, and answers.
//
// # Rules of the house
//
//   - fiber runs with Immutable: a kept body or parameter would otherwise be
//     overwritten two requests later, which here would corrupt evidence.
//   - The domain never sees a fiber.Ctx.
//   - Every error goes through one table (errors.go): what a person reads and what
//     the log keeps are two fields and never mixed; a cause never leaves.
//   - "Received" is said only after the engine has committed, signed, and advanced
//     the checkpoint guard.
//   - Who may see a case is asked of the read models at each request, so that a
//     revoked grant ends at once.
package server
