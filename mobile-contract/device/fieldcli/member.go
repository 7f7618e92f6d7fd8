package fieldcli

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
)

// members adds a flag for every member of a body that has none yet, named as in the
// contract with - for _, so that no member can be out of reach of the command line.
// Structured members are JSON.
func members(body any, f *fields) {
	v := reflect.ValueOf(body).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		name = strings.ReplaceAll(name, "_", "-")
		if f.flags.Lookup(name) != nil {
			continue
		}
		to := v.Field(i)
		typ, usage := describe(to.Type())
		f.add(name, typ, usage, false, func(r *run, raw string) error { return setMember(r, to, raw) })
	}
}

type wordy interface{ Words() []string }

// describe names a member's value in the help.
func describe(t reflect.Type) (typ, usage string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if w, ok := reflect.Zero(t).Interface().(wordy); ok {
		return "WORD", strings.Join(w.Words(), "|")
	}
	switch t {
	case reflect.TypeFor[decimal.Decimal]():
		return "FIGURE", ""
	case reflect.TypeFor[event.UUID]():
		return "THING", "a label, name or id"
	case reflect.TypeFor[event.Ref]():
		return "THING", "a label or id"
	case reflect.TypeFor[event.Media]():
		return "FILE", "a file; it is taken into the store"
	case reflect.TypeFor[event.Stamp]():
		return "TIME", ""
	case reflect.TypeFor[event.Date]():
		return "YYYY-MM-DD", ""
	case reflect.TypeFor[event.Digest](), reflect.TypeFor[event.ID]():
		return "HEX", "64 hex digits"
	}
	switch t.Kind() {
	case reflect.String:
		return "TEXT", ""
	case reflect.Bool:
		return "true|false", ""
	case reflect.Int64:
		return "N", ""
	}
	return "JSON", "as JSON, in the form of the contract"
}

// setMember reads a member from its flag.
func setMember(r *run, to reflect.Value, raw string) error {
	if to.Kind() == reflect.Pointer {
		next := reflect.New(to.Type().Elem())
		if err := setMember(r, next.Elem(), raw); err != nil {
			return err
		}
		to.Set(next)
		return nil
	}
	if isJSON(raw) {
		return fromJSON(raw, to.Addr().Interface())
	}
	switch p := to.Addr().Interface().(type) {
	case *decimal.Decimal:
		d, err := decimal.Parse(raw)
		*p = d
		return err
	case *event.UUID:
		id, err := r.findAny(raw)
		*p = id
		return err
	case *event.Ref:
		ref, err := r.findThing(raw)
		*p = ref
		return err
	case *event.Media:
		m, err := r.s.AddMediaFile(r.ctx, raw)
		*p = m
		return err
	case *event.Stamp:
		return parseStamp(raw, p)
	case *event.Date:
		return parseDate(raw, p)
	case *event.Digest:
		return p.UnmarshalText([]byte(raw))
	case *event.ID:
		id, err := r.findEvent(raw)
		*p = id
		return err
	}
	return setPlain(to, raw)
}

func setPlain(to reflect.Value, raw string) error {
	switch to.Kind() {
	case reflect.String:
		if w, ok := to.Interface().(wordy); ok && !slices.Contains(w.Words(), raw) {
			return fmt.Errorf("must be one of %s", strings.Join(w.Words(), ", "))
		}
		to.SetString(raw)
		return nil
	case reflect.Bool:
		v, err := strconv.ParseBool(raw)
		to.SetBool(v)
		return err
	case reflect.Int64:
		v, err := strconv.ParseInt(raw, 10, 64)
		to.SetInt(v)
		return err
	}
	return json.Unmarshal([]byte(raw), to.Addr().Interface(), json.RejectUnknownMembers(true))
}

// findAny finds a thing, a person or an organisation.
func (r *run) findAny(name string) (event.UUID, error) {
	if id, err := event.ParseUUID(name); err == nil {
		return id, nil
	}
	ref, thingErr := r.findThing(name)
	if thingErr == nil {
		return ref.ID, nil
	}
	if id, err := r.findPerson(name); err == nil {
		return id, nil
	}
	if id, err := r.findOrg(name); err == nil {
		return id, nil
	}
	return event.UUID{}, thingErr
}
