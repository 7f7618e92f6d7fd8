package export

import (
	"io"
	"slices"
	"strings"

	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Feature is something of a case that has a place.
type Feature struct {
	// Kind is "site", "sample", "photo", "object", "event" or "track".
	Kind  string
	ID    string
	Label string
	At    event.Stamp
	By    string
	// Place is the fix; Outline a site's boundary and Track the places of one device in
	// the order of its chain, both latitude, longitude in 1e-7 degree in Datum.
	Datum      event.Datum
	Place      *event.Place
	Outline    [][2]int64
	Track      [][2]int64
	Name       string
	EventCount int
}

// Placed is an event of a case as Features needs it.
type Placed struct {
	Event *event.Payload
	Body  event.Body
	ID    event.ID
	// By names the actor.
	By string
}

// Features finds what has a place among the events of a case, given in log order:
// its sites, each thing where it was recorded, and for each device the way that its
// fixes make, by their own order in its chain. Withdrawn events are for the caller
// to leave out.
func Features(events []Placed) []Feature {
	var list []Feature
	type key struct {
		device event.UUID
		datum  event.Datum
	}
	tracks := map[key][]Placed{}
	var order []key
	for _, e := range events {
		if b, ok := e.Body.(*event.SiteRecorded); ok {
			list = append(list, Feature{Kind: "site", ID: b.Site.String(), Label: b.Name, At: b.Start, By: e.By, Datum: b.Centre.Datum, Place: &b.Centre, Outline: b.Outline})
		}
		if e.Event.Place == nil {
			continue
		}
		k := key{e.Event.Device, e.Event.Place.Datum}
		if tracks[k] == nil {
			order = append(order, k)
		}
		tracks[k] = append(tracks[k], e)
		if f, ok := thing(e); ok {
			list = append(list, f)
		}
	}
	for _, k := range order {
		if f, ok := track(k.device, k.datum, tracks[k]); ok {
			list = append(list, f)
		}
	}
	return list
}

func thing(e Placed) (Feature, bool) {
	f := Feature{Kind: "event", ID: e.ID.String(), At: e.Event.Clock.Wall, By: e.By, Datum: e.Event.Place.Datum, Place: e.Event.Place}
	switch b := e.Body.(type) {
	case *event.SampleCollected:
		f.Kind, f.ID, f.Label = "sample", b.Sample.String(), b.Label
	case *event.PhotoCaptured:
		f.Kind, f.ID, f.Label = "photo", b.Photo.String(), b.Shows
	case *event.ObjectRecorded:
		f.Kind, f.ID, f.Label = "object", b.Object.String(), b.Label
	case *event.AirStarted:
		f.Kind, f.ID = "series", b.Series.String()
	case *event.NoteWritten:
		f.Kind, f.Label = "note", b.Text
	default:
		return f, false
	}
	return f, true
}

func track(device event.UUID, datum event.Datum, list []Placed) (Feature, bool) {
	slices.SortStableFunc(list, func(a, b Placed) int { return int(min(1, max(-1, a.Event.Seq-b.Event.Seq))) })
	f := Feature{Kind: "track", ID: device.String(), By: list[0].By, Datum: datum, At: list[0].Event.Clock.Wall, EventCount: len(list)}
	for _, e := range list {
		p := [2]int64{e.Event.Place.LatE7, e.Event.Place.LonE7}
		if n := len(f.Track); n == 0 || f.Track[n-1] != p {
			f.Track = append(f.Track, p)
		}
	}
	return f, len(f.Track) > 1
}

// GeoJSON writes features as one FeatureCollection, feature by feature.
func GeoJSON(w io.Writer, list []Feature) error {
	if _, err := io.WriteString(w, `{"type":"FeatureCollection","features":[`); err != nil {
		return err
	}
	for i, f := range list {
		data, err := json.Marshal(f.json(), json.Deterministic(true))
		if err != nil {
			return err
		}
		if i > 0 {
			data = append([]byte(","), data...)
		}
		if _, err := w.Write(append(data, '\n')); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "]}\n")
	return err
}

// json is a feature as RFC 7946 has it. Coordinates are decimal text of seven
// places: nothing passes through a float.
func (f *Feature) json() map[string]any {
	props := map[string]any{"kind": f.Kind, "id": f.ID}
	for name, v := range map[string]string{"label": f.Label, "by": f.By, "at": string(f.At)} {
		if v != "" {
			props[name] = v
		}
	}
	if f.EventCount > 0 {
		props["events"] = f.EventCount
	}
	out := map[string]any{"type": "Feature", "geometry": jsontext.Value("null"), "properties": props}
	props["datum"] = string(f.Datum)
	var points [][2]int64
	if f.Place != nil {
		points = [][2]int64{{f.Place.LatE7, f.Place.LonE7}}
		if f.Place.AccuracyMM > 0 {
			props["accuracy_m"] = raw(decimal.Decimal{N: f.Place.AccuracyMM, S: 3}.String())
		}
		if f.Place.FixTime != "" {
			props["fix_time"] = string(f.Place.FixTime)
		}
		if f.Place.Mock {
			props["mock"] = true
		}
		props["fix_source"] = string(f.Place.Source)
		props["recorded_lat"], props["recorded_lon"] = raw(degrees(f.Place.LatE7)), raw(degrees(f.Place.LonE7))
	}
	shape, outline := "Point", slices.Clone(f.Outline)
	switch {
	case len(f.Track) > 1:
		shape, points = "LineString", f.Track
	case len(outline) >= 3:
		shape, points = "Polygon", closed(outline)
	}
	text, off, ok := positions(points, f.Datum)
	switch {
	case !ok:
		props["not_converted"] = "the recorded position cannot be brought to WGS-84"
	case off > 0:
		props["converted_from"] = string(f.Datum)
		props["conversion_error_m"] = raw(decimal.Decimal{N: off, S: 3}.String())
	}
	if ok && len(text) > 0 {
		out["geometry"] = jsontext.Value(geometry(shape, text))
	}
	return out
}

func raw(s string) jsontext.Value { return jsontext.Value(s) }

func degrees(e7 int64) string { return decimal.Decimal{N: e7, S: 7}.String() }

// closed is a ring as GeoJSON wants it: it ends where it begins, and runs
// anticlockwise.
func closed(ring [][2]int64) [][2]int64 {
	if ring[0] == ring[len(ring)-1] {
		ring = ring[:len(ring)-1]
	}
	area := 0.0 // only its sign is used
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		area += float64(p[1]-ring[0][1])*float64(q[0]-ring[0][0]) - float64(q[1]-ring[0][1])*float64(p[0]-ring[0][0])
	}
	if area < 0 {
		slices.Reverse(ring)
	}
	return append(ring, ring[0])
}

// positions writes points as GeoJSON positions in WGS-84 and says how far off their
// conversion may be, in millimetres.
func positions(points [][2]int64, d event.Datum) (list []string, offMM int64, ok bool) {
	for _, p := range points {
		lat, lon, off, good := custody.WGS84(p[0], p[1], d)
		if !good {
			return nil, 0, false
		}
		offMM = max(offMM, off)
		list = append(list, "["+degrees(lon)+","+degrees(lat)+"]")
	}
	return list, offMM, true
}

func geometry(shape string, positions []string) string {
	all := strings.Join(positions, ",")
	switch shape {
	case "LineString":
		all = "[" + all + "]"
	case "Polygon":
		all = "[[" + all + "]]"
	}
	return `{"type":"` + shape + `","coordinates":` + all + `}`
}
