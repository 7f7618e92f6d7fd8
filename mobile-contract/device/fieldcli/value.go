package fieldcli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
)

// e7 is the decimal places of an angle in units of 1e-7 degree.
const e7 = 7

func wordList[W event.Word]() string {
	var w W
	return strings.Join(w.Words(), "|")
}

func parseWord[W event.Word](raw string, to *W) error {
	if !slices.Contains((*to).Words(), raw) {
		return fmt.Errorf("must be one of %s", strings.Join((*to).Words(), ", "))
	}
	*to = W(raw)
	return nil
}

// parseScaled reads a plain decimal as an integer of 10^-places; digits beyond are refused.
func parseScaled(raw string, places uint8, to *int64) error {
	d, err := decimal.Parse(strings.TrimSpace(raw))
	if err != nil {
		return err
	}
	d, err = d.Rescale(places)
	if err != nil {
		return fmt.Errorf("more than %d decimal places: %w", places, err)
	}
	*to = d.N
	return nil
}

// parsePair reads "LAT,LON" in degrees.
func parsePair(raw string, lat, lon *int64) error {
	a, b, ok := strings.Cut(raw, ",")
	if !ok {
		return fmt.Errorf("not LAT,LON in degrees, such as 31.1234567,121.4737021")
	}
	if err := parseScaled(a, e7, lat); err != nil {
		return fmt.Errorf("latitude: %w", err)
	}
	if err := parseScaled(b, e7, lon); err != nil {
		return fmt.Errorf("longitude: %w", err)
	}
	return nil
}

// parseStamp reads a time: RFC 3339 as it is written, or one of this computer's zone.
func parseStamp(raw string, to *event.Stamp) error {
	raw = strings.TrimSpace(raw)
	if _, err := event.Stamp(raw).At(); err == nil {
		*to = event.Stamp(raw)
		return nil
	}
	now := time.Now()
	if raw == "now" {
		*to = event.StampOf(now)
		return nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, raw, time.Local); err == nil {
			*to = event.Stamp(t.Format(time.RFC3339))
			return nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, raw); err == nil {
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local)
			*to = event.Stamp(t.Format(time.RFC3339))
			return nil
		}
	}
	return fmt.Errorf("not a time such as 2026-11-24T09:30:00+08:00, \"2026-11-24 09:30\", 09:30 or now")
}

func parseDate(raw string, to *event.Date) error {
	d := event.Date(strings.TrimSpace(raw))
	if _, err := d.At(); err != nil {
		return err
	}
	*to = d
	return nil
}

func parseCount(raw string, to *int64) error {
	n, err := strconv.ParseInt(strings.TrimSpace(raw), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("not a whole number from 0")
	}
	*to = n
	return nil
}

// parseAmount reads "12.5 kg".
func parseAmount(raw string) (event.Amount, error) {
	figure, unit, ok := strings.Cut(strings.TrimSpace(raw), " ")
	if !ok {
		return event.Amount{}, fmt.Errorf("not a figure and a unit with a blank between, such as \"500 mL\"")
	}
	d, err := decimal.Parse(figure)
	return event.Amount{Value: d, Unit: strings.TrimSpace(unit)}, err
}

// isJSON reports whether a value is a JSON object or list rather than a short form.
func isJSON(raw string) bool {
	raw = strings.TrimSpace(raw)
	return strings.HasPrefix(raw, "{") || strings.HasPrefix(raw, "[")
}

func fromJSON(raw string, to any) error {
	return json.Unmarshal([]byte(raw), to, json.RejectUnknownMembers(true))
}

// The following register a flag for a member of a body.

func text(f *fields, name, usage string, to *string) {
	f.add(name, "TEXT", usage, false, func(_ *run, raw string) error { *to = raw; return nil })
}

func texts(f *fields, name, usage string, to *[]string) {
	f.add(name, "TEXT", usage+"; may be repeated", true, func(_ *run, raw string) error { *to = append(*to, raw); return nil })
}

func word[W event.Word](f *fields, name, usage string, to *W) {
	f.add(name, "WORD", usage+": "+wordList[W](), false, func(_ *run, raw string) error { return parseWord(raw, to) })
}

func figure(f *fields, name, usage string, to **decimal.Decimal) {
	f.add(name, "FIGURE", usage, false, func(_ *run, raw string) error {
		d, err := decimal.Parse(raw)
		*to = &d
		return err
	})
}

func count(f *fields, name, usage string, to *int64) {
	f.add(name, "N", usage, false, func(_ *run, raw string) error { return parseCount(raw, to) })
}

func stamp(f *fields, name, usage string, to *event.Stamp) {
	f.add(name, "TIME", usage, false, func(_ *run, raw string) error { return parseStamp(raw, to) })
}

func day(f *fields, name, usage string, to *event.Date) {
	f.add(name, "YYYY-MM-DD", usage, false, func(_ *run, raw string) error { return parseDate(raw, to) })
}

func amount(f *fields, name, usage string, to **event.Amount) {
	f.add(name, "\"FIGURE UNIT\"", usage, false, func(_ *run, raw string) error {
		if isJSON(raw) {
			return fromJSON(raw, to)
		}
		a, err := parseAmount(raw)
		*to = &a
		return err
	})
}

// file registers a flag that takes a file into the store.
func file(f *fields, name, usage string, to **event.Media) {
	f.add(name, "FILE", usage, false, func(r *run, raw string) error {
		if isJSON(raw) {
			return fromJSON(raw, to)
		}
		m, err := r.s.AddMediaFile(r.ctx, raw)
		*to = &m
		return err
	})
}

// thing registers a flag that names a thing of one kind.
func thing(f *fields, name string, kind event.RefKind, usage string, to *event.UUID) {
	f.add(name, "THING", usage, false, func(r *run, raw string) error {
		ref, err := r.findThing(raw, kind)
		*to = ref.ID
		return err
	})
}

// ref registers a flag that names a thing of any of some kinds (all where there are none).
func ref(f *fields, name, usage string, to *event.Ref, kinds ...event.RefKind) {
	f.add(name, "THING", usage, false, func(r *run, raw string) (err error) {
		if isJSON(raw) {
			return fromJSON(raw, to)
		}
		*to, err = r.findThing(raw, kinds...)
		return err
	})
}

func refs(f *fields, name, usage string, to *[]event.Ref, kinds ...event.RefKind) {
	f.add(name, "THING", usage+"; may be repeated", true, func(r *run, raw string) error {
		if isJSON(raw) {
			return fromJSON(raw, to)
		}
		got, err := r.findThing(raw, kinds...)
		*to = append(*to, got)
		return err
	})
}

func person(f *fields, name, usage string, to *event.UUID) {
	f.add(name, "PERSON", usage, false, func(r *run, raw string) (err error) {
		*to, err = r.findPerson(raw)
		return err
	})
}

// attendance registers the flags of a party or witness and how they stood to the record.
func attendance(f *fields, who string, to **event.Attendance) {
	get := func() *event.Attendance {
		if *to == nil {
			*to = &event.Attendance{}
		}
		return *to
	}
	f.add(who, "NAME", "the "+who+": a recorded party's label, or a name", false, func(r *run, raw string) error {
		if isJSON(raw) {
			return fromJSON(raw, to)
		}
		got, err := r.findThing(raw, "party")
		if err != nil {
			get().Name = raw
			return nil
		}
		get().Party, get().Name = got.ID, raw
		return nil
	})
	f.add(who+"-signing", "WORD", "how the "+who+" stood to the record: "+wordList[event.Signing](), false, func(_ *run, raw string) error {
		return parseWord(raw, &get().Signing)
	})
	f.add(who+"-reason", "TEXT", "why the "+who+" refused or was absent", false, func(_ *run, raw string) error {
		get().Reason = raw
		return nil
	})
	f.add(who+"-signature", "FILE", "the "+who+"'s signed paper or drawn signature", false, func(r *run, raw string) error {
		m, err := r.s.AddMediaFile(r.ctx, raw)
		get().Signature = m.SHA256
		return err
	})
}
