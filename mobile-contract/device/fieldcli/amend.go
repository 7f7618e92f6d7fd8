package fieldcli

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// change is a change as it was asked for.
type change struct {
	path   string
	value  jsontext.Value
	remove bool
}

func (a *app) amendCommand() *cobra.Command {
	var changes []change
	set := func(convert func(string) (jsontext.Value, error)) func(*run, string) error {
		return func(_ *run, raw string) error {
			path, text, ok := strings.Cut(raw, "=")
			if !ok {
				return errors.New("not PATH=VALUE, such as /seal_no=S-1002")
			}
			v, err := convert(text)
			changes = append(changes, change{path: path, value: v})
			return err
		}
	}
	return captureOne(a, spec[event.EventAmended]{
		use: "amend EVENT", short: "Correct members of an earlier record; it stays as it is, with the correction beside it", args: cobra.MaximumNArgs(1),
		long: `Correct members of an earlier record, named by its number in this device's chain or its
event id. PATH is a JSON pointer into its body (fieldkit show EVENT prints that). What stood
there is recorded too, and the corrected record must be a valid one.`,
		example: "  fieldkit amend 12 --text /seal_no=S-1002 --reason \"misread\"\n  fieldkit amend 12 --set '/amount/value={\"n\":500,\"s\":0}' --remove /hazard --reason \"typing error\"",
		noCase:  true,
		take: func(r *run, b *event.EventAmended, args []string) (err error) {
			b.Target, err = r.findEvent(args[0])
			return err
		},
		fields: func(b *event.EventAmended, f *fields) {
			f.add("text", "PATH=TEXT", "a new text; may be repeated", true, set(func(s string) (jsontext.Value, error) { return json.Marshal(s) }))
			f.add("set", "PATH=JSON", "a new value as JSON; may be repeated", true, set(func(s string) (jsontext.Value, error) {
				v := jsontext.Value(s)
				if !v.IsValid() {
					return nil, errors.New("the value is not JSON (for a text use --text)")
				}
				return v, nil
			}))
			f.add("remove", "PATH", "remove a member; may be repeated", true, func(_ *run, raw string) error {
				changes = append(changes, change{path: raw, remove: true})
				return nil
			})
			text(f, "reason", "why", &b.Reason)
		},
		after: func(r *run, b *event.EventAmended) error {
			if len(changes) == 0 && len(b.Changes) == 0 && !b.Void {
				return errors.New("say what is to be changed: --text, --set or --remove")
			}
			return r.amend(b, changes)
		},
	})
}

// amend completes an amendment from its target: the case, what stood there before, and
// whether the corrected body is valid.
func (r *run) amend(b *event.EventAmended, changes []change) error {
	_, p, _, err := r.s.Event(r.ctx, b.Target)
	if err != nil {
		return err
	}
	r.caseID = p.Case
	body := jsontext.Value(bytes.Clone(p.Body))
	for _, c := range changes {
		old, next, err := replace(body, c.path, c.value)
		if err != nil {
			return fmt.Errorf("%s: %w", c.path, err)
		}
		if c.remove && old == nil {
			return fmt.Errorf("%s: there is no such member", c.path)
		}
		body = next
		b.Changes = append(b.Changes, event.Change{Path: c.path, Old: string(old), New: string(c.value)})
	}
	if _, err := event.ParseBody(p.Type, body); err != nil {
		return fmt.Errorf("the corrected record would not be a valid %s: %w", p.Type, err)
	}
	return nil
}

// replace puts value at an RFC 6901 pointer into a JSON value (nil removes it) and gives
// what stood there, nil where nothing did.
func replace(in jsontext.Value, path string, value jsontext.Value) (old, out jsontext.Value, err error) {
	if path == "" {
		return in, value, nil
	}
	if path[0] != '/' {
		return nil, nil, errors.New("a path begins with /")
	}
	head, rest, more := strings.Cut(path[1:], "/")
	if more {
		rest = "/" + rest
	}
	key := strings.NewReplacer("~1", "/", "~0", "~").Replace(head)
	switch in.Kind() {
	case '{':
		return replaceMember(in, key, rest, value)
	case '[':
		return replaceElement(in, key, rest, value)
	}
	return nil, nil, errors.New("the path leads into something that has no members")
}

func replaceMember(in jsontext.Value, key, rest string, value jsontext.Value) (old, out jsontext.Value, err error) {
	var m map[string]jsontext.Value
	if err := json.Unmarshal(in, &m); err != nil {
		return nil, nil, err
	}
	child, ok := m[key]
	if !ok && rest != "" {
		return nil, nil, fmt.Errorf("there is no member %q", key)
	}
	old, next, err := child, value, error(nil)
	if rest != "" {
		old, next, err = replace(child, rest, value)
	}
	if err != nil {
		return nil, nil, err
	}
	if next == nil {
		delete(m, key)
	} else {
		m[key] = next
	}
	out, err = json.Marshal(m, json.Deterministic(true))
	return old, out, err
}

func replaceElement(in jsontext.Value, key, rest string, value jsontext.Value) (old, out jsontext.Value, err error) {
	var list []jsontext.Value
	if err := json.Unmarshal(in, &list); err != nil {
		return nil, nil, err
	}
	at, err := strconv.Atoi(key)
	if err != nil || at < 0 || at >= len(list) || strconv.Itoa(at) != key {
		return nil, nil, fmt.Errorf("there is no element %q in a list of %d", key, len(list))
	}
	old, next := list[at], value
	if rest != "" {
		if old, next, err = replace(list[at], rest, value); err != nil {
			return nil, nil, err
		}
	}
	if next == nil {
		list = append(list[:at], list[at+1:]...)
	} else {
		list[at] = next
	}
	out, err = json.Marshal(list)
	return old, out, err
}

func (a *app) voidCommand() *cobra.Command {
	return captureOne(a, spec[event.EventAmended]{
		use: "void EVENT", short: "Withdraw an earlier record as a whole; it stays to be seen", args: cobra.MaximumNArgs(1), noCase: true,
		example: "  fieldkit void 12 --reason \"captured in the wrong case\"",
		take: func(r *run, b *event.EventAmended, args []string) (err error) {
			b.Target, err = r.findEvent(args[0])
			b.Void = true
			return err
		},
		fields: func(b *event.EventAmended, f *fields) { text(f, "reason", "why", &b.Reason) },
		after: func(r *run, b *event.EventAmended) error {
			_, p, _, err := r.s.Event(r.ctx, b.Target)
			if err == nil {
				r.caseID = p.Case
			}
			return err
		},
	})
}
