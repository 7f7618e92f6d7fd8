// Package schema holds the texts that the programs carry inside them: the SQL of
// the server's database in two dialects, the SQL of a device's store, and the
// rule packs. It has no code beyond the embedding.
//
// Server migrations are server/sqlite/NNNN_name.sql and, of the same number and
// name, server/postgres/NNNN_name.sql. A migration that was released is never
// changed: its digest is kept in every database that ran it.
package schema

import "embed"

// Server is the server's migrations, under server/sqlite and server/postgres.
//
//go:embed server/sqlite/*.sql server/postgres/*.sql
var Server embed.FS
