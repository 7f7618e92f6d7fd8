package access

import (
	"context"
	"fmt"

	"fieldseal/sync/store"
)

// Carried gives the people of a log that continues another one the passwords that
// they had there, and says how many. Nobody stays signed in, and codes that were
// open end with the former log. The passwords of to are all replaced.
func Carried(ctx context.Context, from, to *store.Store) (people int64, err error) {
	type credential struct {
		person          []byte
		hash            string
		changed         int64
		failed, blocked int64
	}
	var list []credential
	err = from.Read(ctx, func(tx *store.Tx) error {
		list = nil
		return tx.Each("SELECT person, hash, changed, failed, locked FROM credentials WHERE hash <> '' ORDER BY person", nil, func(scan func(...any) error) error {
			var c credential
			err := scan(&c.person, &c.hash, &c.changed, &c.failed, &c.blocked)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("the passwords of the former log: %w", err)
	}
	err = to.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec("DELETE FROM credentials"); err != nil {
			return err
		}
		for _, c := range list {
			if _, err := tx.Exec("INSERT INTO credentials (person, hash, changed, failed, locked) VALUES ($1, $2, $3, $4, $5)",
				c.person, c.hash, c.changed, c.failed, c.blocked); err != nil {
				return err
			}
		}
		return nil
	})
	return int64(len(list)), err
}
