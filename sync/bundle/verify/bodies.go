package verify

import (
	"bytes"
	"cmp"
	"fmt"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// restoreBodies reads the events again, which happens only where there are
// amendments, for the raw bodies of those that are amended. What it takes is
// known by its id, so that a file that changed meanwhile cannot slip anything in.
func (v *verifier) restoreBodies() error {
	need := v.found.asm.Amended()
	if len(need) == 0 {
		return nil
	}
	l := v.lines(bag.PathEvents, seal.MaxLine)
	for len(need) > 0 {
		line, err := l.next()
		if err != nil {
			return fmt.Errorf("%w: %s changed or failed while it was read again: %w", ErrUnreadable, bag.PathEvents, cmp.Or(l.read.err, err))
		}
		env, err := seal.ParseEnvelope(line)
		if err != nil {
			continue
		}
		id := seal.IDOf(env.Payload)
		kept, ok := need[id]
		if !ok {
			continue
		}
		p, err := event.Parse(env.Payload)
		if err != nil {
			continue
		}
		kept.Body = bytes.Clone(p.Body)
		delete(need, id)
	}
	return nil
}
