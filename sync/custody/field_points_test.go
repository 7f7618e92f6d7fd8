package custody

import (
	"testing"

	"fieldseal/sync/event"
)

func TestSamplingPoint(t *testing.T) {
	fix := func(lat, lon int64, datum event.Datum, accuracy int64) *event.Place {
		return &event.Place{LatE7: lat, LonE7: lon, Datum: datum, AccuracyMM: accuracy, Source: "gnss"}
	}
	shifted := wgsToGCJ(point{300005000, 1200005000})
	for _, v := range []struct {
		name    string
		place   *event.Place
		change  func(site *event.SiteRecorded)
		code    Code
		variant string
	}{
		{"inside", fix(300005000, 1200005000, "WGS-84", 5000), nil, "", ""},
		{"no fix", nil, nil, "", ""},
		// 50 m tolerance and twice 5 m of accuracy: 5412 units of latitude are 60.0 m.
		{"outside, explained by accuracy and tolerance", fix(300015400, 1200005000, "WGS-84", 5000), nil, "", ""},
		{"outside by a metre more", fix(300015500, 1200005000, "WGS-84", 5000), nil, "POINT_OUTSIDE_SITE", ""},
		{"outside, explained by a poor fix", fix(300020000, 1200005000, "WGS-84", 60_000), nil, "", ""},
		{"outside, accuracy not known", fix(300020000, 1200005000, "WGS-84", 0), nil, "POINT_NOT_COMPARABLE", "accuracy"},
		{"a kilometre off, accuracy not known", fix(300100000, 1200005000, "WGS-84", 0), nil, "POINT_OUTSIDE_SITE", ""},
		{"the shifted datum, inside", fix(shifted.lat, shifted.lon, "GCJ-02", 5000), nil, "", ""},
		{"shifted figures under the wrong datum", fix(shifted.lat, shifted.lon, "WGS-84", 5000), nil, "POINT_OUTSIDE_SITE", ""},
		{"both in the shifted datum, no conversion", fix(300005000, 1200005000, "GCJ-02", 5000), func(b *event.SiteRecorded) { b.Centre.Datum = "GCJ-02" }, "", ""},
		{"site in the shifted datum", fix(300005000, 1200005000, "WGS-84", 5000), func(b *event.SiteRecorded) {
			b.Centre.Datum = "GCJ-02"
			for i, o := range b.Outline {
				p := wgsToGCJ(point{o[0], o[1]})
				b.Outline[i] = [2]int64{p.lat, p.lon}
			}
			b.Centre.LatE7, b.Centre.LonE7 = shifted.lat, shifted.lon
		}, "", ""},
		{"CGCS2000 is WGS-84 within a metre", fix(300005000, 1200005000, "CGCS2000", 5000), nil, "", ""},
		{"the shifted datum where it is not defined", fix(488566000, 23522000, "GCJ-02", 5000), nil, "POINT_NOT_COMPARABLE", ""},
		{"no outline, within reach", fix(300045000, 1200005000, "WGS-84", 5000), func(b *event.SiteRecorded) { b.Outline = nil }, "", ""},
		{"no outline, out of reach", fix(300060000, 1200005000, "WGS-84", 5000), func(b *event.SiteRecorded) { b.Outline = nil }, "POINT_OUTSIDE_SITE", "radius"},
	} {
		s := newGround(t)
		site := s.scenery()
		if v.change != nil {
			v.change(site)
		}
		s.inspect.seal(at(2), site)
		s.inspect.place = v.place
		s.inspect.seal(at(6), s.grab(site.Site))
		r := s.evaluate()
		var got []Defect
		for _, code := range []Code{"POINT_OUTSIDE_SITE", "POINT_NOT_COMPARABLE"} {
			got = append(got, found(r.Defects, code)...)
		}
		if v.code == "" && len(got) > 0 || v.code != "" && (len(got) != 1 || got[0].Code != v.code || got[0].Variant != v.variant) {
			t.Errorf("%s: found %v, want %s %s", v.name, explanations(got), v.code, v.variant)
		}
	}
}

func TestSampleOfAnotherSiteIsComparedWithItsOwn(t *testing.T) {
	s := newGround(t)
	near, far := s.scenery(), s.scenery()
	far.Centre.LatE7 += 1_0000000
	for i := range far.Outline {
		far.Outline[i][0] += 1_0000000
	}
	s.inspect.seal(at(1), near)
	s.inspect.seal(at(2), far)
	s.inspect.place = &event.Place{LatE7: 300005000, LonE7: 1200005000, Datum: "WGS-84", AccuracyMM: 5000, Source: "gnss"}
	s.inspect.seal(at(6), s.grab(near.Site))
	s.expect("POINT_OUTSIDE_SITE", 0)
	s.inspect.seal(at(7), s.grab(far.Site))
	s.wantVariant("POINT_OUTSIDE_SITE", "", "S-1")
}
