package projection

import (
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// thing is what an event says of the item that it records.
type thing struct {
	id    event.UUID
	kind  event.RefKind
	label string
	held  bool
	sha   event.Digest
}

// itemIn gives the thing that a body records; ok is false where it records none.
func itemIn(body event.Body) (t thing, ok bool) {
	switch b := body.(type) {
	case *event.SampleCollected:
		return thing{id: b.Sample, kind: "sample", label: b.Label, held: true}, true
	case *event.SubsampleMade:
		return thing{id: b.Subsample, kind: "subsample", label: b.Label, held: true}, true
	case *event.ObjectRecorded:
		return thing{id: b.Object, kind: "object", label: b.Label, held: b.Held}, true
	case *event.PhotoCaptured:
		return thing{id: b.Photo, kind: "photo", label: b.Shows, sha: b.Media.SHA256}, true
	case *event.FileAttached:
		return thing{id: b.File, kind: "file", label: b.Title, sha: b.Media.SHA256}, true
	case *event.AirStarted:
		return thing{id: b.Series, kind: "series", label: b.Format}, true
	}
	return thing{}, false
}

// MaxIndexed caps, in bytes, what is kept of a text that is searched for: an
// index entry has to fit a page of either database, and no event may be able to
// stop the log because its label does not. The event has the whole text.
const MaxIndexed = 200

// indexed is a text for an indexed column.
func indexed(s string) string {
	s = store.Text(s)
	if len(s) <= MaxIndexed {
		return s
	}
	s = s[:MaxIndexed]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// findKey is a label as it is searched for: lower case, white space as single spaces, capped.
func findKey(label string) string {
	return indexed(strings.Join(strings.Fields(strings.ToLower(store.Text(label))), " "))
}

var mediaType = reflect.TypeFor[event.Media]()

// holdsMedia remembers which types of body can mention a file at all.
var holdsMedia sync.Map

func canHoldMedia(t reflect.Type) bool {
	if v, ok := holdsMedia.Load(t); ok {
		return v.(bool)
	}
	holds := false
	switch {
	case t == mediaType:
		holds = true
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		holds = canHoldMedia(t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			holds = holds || canHoldMedia(t.Field(i).Type)
		}
	}
	holdsMedia.Store(t, holds)
	return holds
}

// mediaIn lists every file that a body mentions, wherever it does.
func mediaIn(body event.Body) []event.Media {
	v := reflect.ValueOf(body)
	if !canHoldMedia(v.Type()) {
		return nil
	}
	return collectMedia(v, nil)
}

func collectMedia(v reflect.Value, list []event.Media) []event.Media {
	if !canHoldMedia(v.Type()) {
		return list
	}
	switch {
	case v.Type() == mediaType:
		return append(list, v.Interface().(event.Media))
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			list = collectMedia(v.Elem(), list)
		}
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		for i := range v.Len() {
			list = collectMedia(v.Index(i), list)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			list = collectMedia(v.Field(i), list)
		}
	}
	return list
}
