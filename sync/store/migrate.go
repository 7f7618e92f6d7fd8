package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"context"

	"fieldseal/schema"
)

// ErrSchema is wrapped where the database's tables are not those of this program.
var ErrSchema = errors.New("store: the database is of another version of the program")

type migration struct {
	number int64
	name   string
	text   string
	sha    string
}

var migrationName = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)\.sql$`)

// migrations reads those of a dialect, numbered from 1 without a hole.
func migrations(files fs.FS, d Driver) ([]migration, error) {
	dir := "server/" + string(d)
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	var list []migration
	for _, e := range entries {
		m := migrationName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("store: %s/%s is not named NNNN_name.sql", dir, e.Name())
		}
		n, _ := strconv.ParseInt(m[1], 10, 64)
		if n != int64(len(list))+1 {
			return nil, fmt.Errorf("store: %s/%s: migration %d is missing", dir, e.Name(), len(list)+1)
		}
		text, err := fs.ReadFile(files, dir+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		list = append(list, migration{n, m[2], string(text), hex.EncodeToString(sum[:])})
	}
	return list, nil
}

const migrationTable = `CREATE TABLE IF NOT EXISTS schema_migrations (
	number  BIGINT PRIMARY KEY,
	name    TEXT NOT NULL,
	sha     TEXT NOT NULL,
	applied BIGINT NOT NULL
)`

// migrate brings the tables up to date, each migration once, all in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	list, err := migrations(schema.Server, s.d.name)
	if err != nil {
		return err
	}
	return s.Write(ctx, func(tx *Tx) error {
		if s.d.lockMigrate != "" {
			if _, err := tx.Exec(s.d.lockMigrate); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(migrationTable); err != nil {
			return err
		}
		done, err := applied(tx, list)
		if err != nil {
			return err
		}
		for _, m := range list[done:] {
			if err := tx.apply(m); err != nil {
				return fmt.Errorf("migration %04d_%s: %w", m.number, m.name, err)
			}
		}
		return nil
	})
}

// applied checks that what ran is the beginning of list, and gives its length.
func applied(tx *Tx, list []migration) (n int, err error) {
	err = tx.Each("SELECT number, name, sha FROM schema_migrations ORDER BY number", nil, func(scan func(...any) error) error {
		var m migration
		if err := scan(&m.number, &m.name, &m.sha); err != nil {
			return err
		}
		switch {
		case n >= len(list):
			return fmt.Errorf("%w: it ran migration %04d_%s, which this program does not know: run the newer program", ErrSchema, m.number, m.name)
		case m.number != list[n].number || m.sha != list[n].sha:
			return fmt.Errorf("%w: migration %04d_%s ran with another text than this program has", ErrSchema, m.number, m.name)
		}
		n++
		return nil
	})
	return n, err
}

func (tx *Tx) apply(m migration) error {
	for _, text := range statements(m.text) {
		if _, err := tx.c.c.ExecContext(background, text); err != nil {
			return classify(text, err)
		}
	}
	_, err := tx.Exec("INSERT INTO schema_migrations (number, name, sha, applied) VALUES ($1, $2, $3, $4)",
		m.number, m.name, m.sha, tx.now.UnixMicro())
	return err
}

var comment = regexp.MustCompile(`--[^\n]*`)

// statements splits a migration at the semicolons, which therefore, like two
// hyphens, stand in no string of a migration.
func statements(text string) []string {
	var list []string
	for _, s := range strings.Split(comment.ReplaceAllString(text, ""), ";") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}
