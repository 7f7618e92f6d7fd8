package access

import (
	"context"

	"fieldseal/sync/store"
)

// Restored ends what must not come back to life with an older database: who was
// signed in when the copy was made, challenges, and one-time codes that were open
// then and may have been spent since. It says how many codes it ended.
func Restored(ctx context.Context, s *store.Store) (codes int64, err error) {
	err = s.Write(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"refresh_tokens", "challenges", "sessions"} {
			if _, err := tx.Exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		codes, err = tx.Exec("DELETE FROM enrol_codes WHERE spent = 0")
		return err
	})
	return codes, err
}
