package custody

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldseal/sync/event"

	"pgregory.net/rapid"
)

// snap is a photo with nothing wrong, whose file has arrived.
func (s *ground) snap() *event.PhotoCaptured {
	b := &event.PhotoCaptured{Photo: s.uuid(), Shows: "the drum", SealVisible: "no", Media: event.Media{SHA256: s.hash(), Size: 1000, Type: "image/jpeg", Name: "IMG.jpg"}}
	s.in.Media[b.Media.SHA256] = MediaState{Status: MediaArrived, Have: 1000}
	return b
}

// fixAt makes the device carry a fresh fix from here on.
func (d *sealer) fixAt(lat, lon int64) {
	d.place = &event.Place{LatE7: lat, LonE7: lon, Datum: "WGS-84", AccuracyMM: 5000, Source: "gnss"}
}

func TestMediaMissing(t *testing.T) {
	s := newGround(t)
	b := s.snap()
	s.inspect.seal(at(1), b)
	s.expect("MEDIA_MISSING", 0)
	s.in.Media[b.Media.SHA256] = MediaState{Status: MediaMissing, Have: 980}
	s.wantVariant("MEDIA_MISSING", "", "1000 bytes; 980 of them", "IMG.jpg")
	delete(s.in.Media, b.Media.SHA256)
	s.wantVariant("MEDIA_MISSING", "", "1000 bytes; 0 of them")
	s.in.Hidden = true
	s.expect("MEDIA_MISSING", 0)
	s.in.Hidden = false
	s.auth.seal(at(2), &event.MediaReceived{SHA256: b.Media.SHA256, Size: 1000})
	s.expect("MEDIA_MISSING", 0)
	s.in.Media = nil // nothing is known of any file
	s.in.Entries = s.in.Entries[:len(s.in.Entries)-1]
	s.expect("MEDIA_MISSING", 0)
}

func TestEveryKindOfFileIsFollowed(t *testing.T) {
	s := newGround(t)
	file := func() *event.Media { return &event.Media{SHA256: s.hash(), Size: 1, Type: "application/pdf"} }
	site := s.scenery()
	site.Sketch = file()
	sample := s.grab(site.Site)
	ref := event.Ref{Kind: "site", ID: site.Site}
	for _, b := range []event.Body{
		site, sample,
		&event.InstrumentRecorded{Instrument: s.uuid(), Make: "M", Serial: "1", Sensor: "pid", Certificate: file()},
		&event.QuantityRecorded{Quantity: s.uuid(), Waste: "w", Tier: "weighed", NetKG: decp("1"), Media: file()},
		&event.LinkRecorded{Link: s.uuid(), From: ref, To: ref, Relation: "r", Basis: "b", Media: file()},
		&event.FileAttached{File: s.uuid(), Media: *file(), Kind: "other", Title: "t"},
		&event.PhotoCaptured{Photo: s.uuid(), Media: *file(), Shows: "s", SealVisible: "no"},
		&event.LabAccessioned{Accession: s.uuid(), Lab: s.org, LabelRead: "l", LabelAgrees: "yes", ReceivedBy: s.officer[0], Received: event.StampOf(at(3)),
			OnIce: "yes", Seal: "intact", Intact: "yes", PHOK: "yes", Decision: "reject", Reason: "r", Photo: file()},
		&event.ResultsReported{Report: s.uuid(), ReportNo: "R", Lab: s.org, Analyst: s.officer[0], Source: file(), Results: []event.Result{
			{Result: s.uuid(), SampleCode: "c", Analyte: "a", Method: "m", Text: "1", Unit: "mg/L"}}},
		&event.AirStarted{Series: s.uuid(), Instrument: s.uuid(), Format: "spod-csv", Source: "file", Channels: []event.Channel{{Name: "x"}}, File: file()},
		&event.WaiverGranted{Waiver: s.uuid(), Defect: "X", Reason: "r", Document: file()},
	} {
		s.inspect.seal(at(3), b)
	}
	r := s.evaluate()
	if got := len(found(r.Defects, "MEDIA_MISSING")); got != 11 {
		t.Errorf("%d files are missing, want 11", got)
	}
	digital := 0
	for _, it := range r.Items {
		if it.Kind == Digital {
			digital++
			if len(it.Hashes) != 1 || it.Hashes[0].What != "captured" || it.Label == "" || it.What.ZH == "" || it.Origin.IsZero() {
				t.Errorf("%v: %+v", it.Ref, it)
			}
		}
	}
	if digital != 11 {
		t.Errorf("%d digital items, want 11", digital)
	}
}

func TestHashMismatch(t *testing.T) {
	s := newGround(t)
	b := s.snap()
	s.inspect.seal(at(1), b)
	s.expect("HASH_MISMATCH", 0)
	got := event.Digest{0xab}
	s.in.Media[b.Media.SHA256] = MediaState{Status: MediaMismatch, Have: 1000, Got: got}
	s.wantVariant("HASH_MISMATCH", "", got.String(), b.Media.SHA256.String())
	s.expect("MEDIA_MISSING", 0)
	s.in.Media[b.Media.SHA256] = MediaState{Status: MediaMissing}
	s.auth.seal(at(2), &event.MediaQuarantined{Wanted: b.Media.SHA256, Got: got, Size: 999})
	s.wantVariant("HASH_MISMATCH", "", got.String())
	s.auth.seal(at(3), &event.MediaReceived{SHA256: b.Media.SHA256, Size: 1000})
	s.expect("HASH_MISMATCH", 0) // the right bytes came after all
	var steps []string
	for _, it := range s.evaluate().Items {
		if it.Ref.ID == b.Photo {
			for _, h := range it.Hashes {
				steps = append(steps, fmt.Sprint(h.What, " ", h.SHA256 == b.Media.SHA256))
			}
		}
	}
	if want := []string{"captured true", "quarantined false", "received true"}; !slices.Equal(steps, want) {
		t.Errorf("hash history %v, want %v", steps, want)
	}
}

func TestDerivatives(t *testing.T) {
	crop := func(s *ground, of event.Digest) *event.PhotoCaptured {
		b := s.snap()
		b.DerivativeOf, b.Derivation = of, "cropped"
		return b
	}
	for _, v := range []struct {
		name    string
		play    func(s *ground)
		n       int
		variant string
	}{
		{"declared, original here", func(s *ground) {
			o := s.snap()
			s.inspect.seal(at(1), o)
			s.inspect.seal(at(2), crop(s, o.Media.SHA256))
		}, 0, ""},
		{"declared, original nowhere", func(s *ground) { s.inspect.seal(at(2), crop(s, s.hash())) }, 1, "no_original"},
		{"the same bytes as an original and as a derivative", func(s *ground) {
			o := s.snap()
			s.inspect.seal(at(1), o)
			d := crop(s, o.Media.SHA256)
			s.inspect.seal(at(2), d)
			again := *d
			again.Photo, again.DerivativeOf, again.Derivation = s.uuid(), event.Digest{}, ""
			s.inspect.seal(at(3), &again)
		}, 1, ""},
		{"a small copy without camera data", func(s *ground) {
			o, c := s.snap(), s.snap()
			o.Exif = &event.Exif{PHash: "f0f0f0f012345678", Width: 4000, Height: 3000, Make: "Maker", Model: "M", Time: "2026:03:02 08:01:00"}
			c.Exif = &event.Exif{PHash: "f0f0f0f012345679", Width: 1280, Height: 960}
			s.inspect.seal(at(1), o)
			s.inspect.seal(at(2), c)
		}, 1, "copy"},
		{"a small picture with camera data is a second shot", func(s *ground) {
			o, c := s.snap(), s.snap()
			o.Exif = &event.Exif{PHash: "f0f0f0f012345678", Width: 4000, Height: 3000, Make: "Maker", Model: "M", Time: "2026:03:02 08:01:00"}
			c.Exif = &event.Exif{PHash: "f0f0f0f012345679", Width: 1280, Height: 960, Make: "Maker", Time: "2026:03:02 08:02:00"}
			s.inspect.seal(at(1), o)
			s.inspect.seal(at(2), c)
		}, 0, ""},
		{"same size without camera data", func(s *ground) {
			o, c := s.snap(), s.snap()
			o.Exif = &event.Exif{PHash: "f0f0f0f012345678", Width: 4000, Height: 3000, Make: "Maker", Time: "2026:03:02 08:01:00"}
			c.Exif = &event.Exif{PHash: "f0f0f0f012345678", Width: 4000, Height: 3000}
			s.inspect.seal(at(1), o)
			s.inspect.seal(at(2), c)
		}, 0, ""},
	} {
		s := newGround(t)
		v.play(s)
		list := found(s.evaluate().Defects, "DERIVATIVE_AS_ORIGINAL")
		if len(list) != v.n || v.n == 1 && list[0].Variant != v.variant {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

func TestDerivativePointsToItsOriginal(t *testing.T) {
	s := newGround(t)
	o, d := s.snap(), s.snap()
	d.DerivativeOf, d.Derivation = o.Media.SHA256, "brightened"
	s.inspect.seal(at(1), o)
	s.inspect.seal(at(2), d)
	for _, it := range s.evaluate().Items {
		switch it.Ref.ID {
		case o.Photo:
			if it.Parent != nil || it.Hashes[0].What != "captured" || len(it.Steps) != 1 || it.Steps[0].Kind != StepPhotographed {
				t.Errorf("original: %+v", it)
			}
		case d.Photo:
			if it.Parent == nil || it.Parent.ID != o.Photo || it.Hashes[0].What != "derived" {
				t.Errorf("derivative: %+v", it)
			}
		}
	}
}

func TestPhotoReused(t *testing.T) {
	const hash, nearly, far = "f0f0f0f012345678", "f0f0f0f01234567f", "f0f0f0f0edcba987"
	for _, v := range []struct {
		name    string
		play    func(s *ground, a, b *event.PhotoCaptured)
		when    float64
		move    int64
		n       int
		variant string
	}{
		{"same bytes, same occasion", func(_ *ground, a, b *event.PhotoCaptured) { b.Media = a.Media }, 10, 0, 0, ""},
		{"same bytes, another site", func(s *ground, a, b *event.PhotoCaptured) { b.Media, a.Site, b.Site = a.Media, s.uuid(), s.uuid() }, 10, 0, 1, ""},
		{"same bytes, another place", func(_ *ground, a, b *event.PhotoCaptured) { b.Media = a.Media }, 10, 60000, 1, ""},
		{"same bytes, a place within the limit", func(_ *ground, a, b *event.PhotoCaptured) { b.Media = a.Media }, 10, 40000, 0, ""},
		{"same bytes, another time", func(_ *ground, a, b *event.PhotoCaptured) { b.Media = a.Media }, 62, 0, 1, ""},
		{"same bytes, an hour less a minute", func(_ *ground, a, b *event.PhotoCaptured) { b.Media = a.Media }, 60, 0, 0, ""},
		{"near-same, another place", func(_ *ground, a, b *event.PhotoCaptured) {
			a.Exif, b.Exif = &event.Exif{PHash: hash}, &event.Exif{PHash: nearly}
		}, 10, 60000, 1, "near"},
		{"near-same, same occasion: a burst", func(_ *ground, a, b *event.PhotoCaptured) {
			a.Exif, b.Exif = &event.Exif{PHash: hash}, &event.Exif{PHash: nearly}
		}, 1.1, 0, 0, ""},
		{"different, another place", func(_ *ground, a, b *event.PhotoCaptured) {
			a.Exif, b.Exif = &event.Exif{PHash: hash}, &event.Exif{PHash: far}
		}, 10, 60000, 0, ""},
		{"both dark, another place", func(_ *ground, a, b *event.PhotoCaptured) {
			a.Exif, b.Exif = &event.Exif{PHash: "0000000000000001"}, &event.Exif{PHash: "0000000000000001"}
		}, 10, 60000, 0, ""},
		{"a declared derivative, later", func(_ *ground, a, b *event.PhotoCaptured) {
			a.Exif, b.Exif = &event.Exif{PHash: hash}, &event.Exif{PHash: hash}
			b.DerivativeOf, b.Derivation = a.Media.SHA256, "cropped"
		}, 600, 0, 0, ""},
	} {
		s := newGround(t)
		a, b := s.snap(), s.snap()
		v.play(s, a, b)
		s.inspect.fixAt(300000000, 1200000000)
		s.inspect.seal(at(1), a)
		s.inspect.fixAt(300000000+v.move, 1200000000)
		s.inspect.seal(at(v.when), b)
		list := found(s.evaluate().Defects, "PHOTO_REUSED")
		if len(list) != v.n || v.n == 1 && list[0].Variant != v.variant {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}

// The banded search must find every pair that a plain comparison of all finds.
func TestLookalikesMissNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newGround(t)
		base := rapid.Uint64().Draw(t, "base")
		n := rapid.IntRange(2, 12).Draw(t, "pictures")
		var hashes []uint64
		for range n {
			h := base
			for range rapid.IntRange(0, 8).Draw(t, "flips") {
				h ^= 1 << rapid.IntRange(0, 63).Draw(t, "bit")
			}
			b := s.snap()
			b.Exif = &event.Exif{PHash: fmt.Sprintf("%016x", h)}
			s.inspect.seal(at(1), b)
			if _, ok := parsePHash(b.Exif.PHash); ok {
				hashes = append(hashes, h)
			}
		}
		want := 0
		for i := range hashes {
			for j := range i {
				if bitsApart(hashes[i], hashes[j]) <= 5 {
					want++
				}
			}
		}
		v := newView(s.in)
		for _, d := range derivations {
			d.run(v)
		}
		if got := len(v.lookalikes()); got != want {
			t.Fatalf("%d pairs, want %d", got, want)
		}
	})
}

func bitsApart(a, b uint64) (n int) {
	for x := a ^ b; x != 0; x &= x - 1 {
		n++
	}
	return n
}

func TestPHashText(t *testing.T) {
	for _, bad := range []string{"", "f0f0", "f0f0f0f0f0f0f0f", "f0f0f0f0f0f0f0f0f", "g0f0f0f0f0f0f0f0", "0000000000000000", "ffffffffffffffff", "+f0f0f0f0f0f0f0f"} {
		if _, ok := parsePHash(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
	if h, ok := parsePHash("F0f0f0f0f0f0f0f0"); !ok || h != 0xf0f0f0f0f0f0f0f0 {
		t.Error("a good hash was refused")
	}
}

func TestPhotoWithoutLocation(t *testing.T) {
	s := newGround(t)
	b := s.snap()
	s.inspect.seal(at(1), b)
	s.wantVariant("PHOTO_NO_LOCATION", "", "IMG.jpg")
	s.in.Entries = s.in.Entries[:len(s.in.Entries)-1]
	lat, lon := int64(300000000), int64(1200000000)
	b.Exif = &event.Exif{GPSLatE7: &lat, GPSLonE7: &lon}
	s.inspect.seal(at(2), b)
	s.expect("PHOTO_NO_LOCATION", 0)
	c := s.snap()
	s.inspect.fixAt(lat, lon)
	s.inspect.seal(at(3), c)
	s.expect("PHOTO_NO_LOCATION", 0)
}

func TestStaleFix(t *testing.T) {
	for _, v := range []struct {
		age     time.Duration
		n       int
		variant string
	}{{time.Minute, 0, ""}, {2 * time.Minute, 0, ""}, {121 * time.Second, 1, ""}, {-121 * time.Second, 1, "future"}, {27 * time.Hour, 1, ""}} {
		s := newGround(t)
		s.inspect.fixAt(300000000, 1200000000)
		s.inspect.place.FixTime = event.StampOf(at(10).Add(-v.age))
		s.inspect.seal(at(10), s.snap())
		list := s.expect("STALE_GPS_FIX", v.n)
		if len(list) == 1 && list[0].Variant != v.variant {
			t.Errorf("%v: variant %q", v.age, list[0].Variant)
		}
	}
	s := newGround(t)
	s.inspect.fixAt(300000000, 1200000000)
	s.inspect.place.FixTime = event.StampOf(at(0))
	s.inspect.note(at(100)) // where a note was written proves nothing
	s.expect("STALE_GPS_FIX", 0)
}

func TestExifTimes(t *testing.T) {
	for _, v := range []struct {
		name     string
		exif     event.Exif
		variants []string
	}{
		{"all agree", event.Exif{Time: "2026:03:02 08:10:00", Offset: "+08:00", GPSTime: "2026-03-02T00:10:05Z"}, nil},
		{"fix 27 hours old", event.Exif{Time: "2026:03:02 08:10:00", Offset: "+08:00", GPSTime: "2026-02-28T21:10:00Z"}, []string{""}},
		{"camera in another zone, which it states", event.Exif{Time: "2026:03:02 00:10:00", Offset: "+00:00", GPSTime: "2026-03-02T00:10:05Z"}, nil},
		{"no zone: the device's", event.Exif{Time: "2026:03:02 08:10:00", GPSTime: "2026-03-02T00:10:05Z"}, nil},
		{"taken a day before it was sealed", event.Exif{Time: "2026:03:01 08:10:00", Offset: "+08:00"}, []string{"sealed"}},
		{"both wrong", event.Exif{Time: "2026:03:01 08:10:00", Offset: "+08:00", GPSTime: "2026-03-02T00:10:05Z"}, []string{"", "sealed"}},
		{"no camera time", event.Exif{GPSTime: "2026-02-28T21:10:00Z"}, nil},
		{"clock never set", event.Exif{Time: "1980:01:01 00:00:00", GPSTime: "2026-03-02T00:10:05Z"}, nil},
		{"unreadable", event.Exif{Time: "yesterday", GPSTime: "2026-02-28T21:10:00Z"}, nil},
		{"unreadable zone", event.Exif{Time: "2026:03:01 08:10:00", Offset: "CST"}, nil},
	} {
		s := newGround(t)
		b := s.snap()
		b.Exif = &v.exif
		s.inspect.seal(at(10), b)
		var got []string
		for _, d := range found(s.evaluate().Defects, "EXIF_GPS_TIME_CONFLICT") {
			got = append(got, d.Variant)
		}
		slices.Sort(got)
		if !slices.Equal(got, v.variants) {
			t.Errorf("%s: found %q, want %q", v.name, got, v.variants)
		}
	}
}

func TestExifPlace(t *testing.T) {
	gcj := wgsToGCJ(point{300000000, 1200000000})
	for _, v := range []struct {
		name  string
		p     point
		datum string
		n     int
	}{
		{"same place", point{300000000, 1200000000}, "WGS-84", 0},
		{"within the limit", point{300040000, 1200000000}, "WGS-84", 0},
		{"600 m away", point{300055000, 1200000000}, "WGS-84", 1},
		{"the shifted datum, stated", gcj, "GCJ-02", 0},
		{"the shifted datum, not stated: nearest reading counts", gcj, "", 0},
		{"5 km away, datum not stated", point{300500000, 1200000000}, "", 1},
		{"not on Earth", point{7 << 60, -(5 << 60)}, "", 0},
	} {
		s := newGround(t)
		b := s.snap()
		b.Exif = &event.Exif{GPSLatE7: &v.p.lat, GPSLonE7: &v.p.lon, GPSDatum: v.datum}
		s.inspect.fixAt(300000000, 1200000000)
		s.inspect.seal(at(10), b)
		if list := found(s.evaluate().Defects, "EXIF_PLACE_CONFLICT"); len(list) != v.n {
			t.Errorf("%s: found %v", v.name, explanations(list))
		}
	}
}
