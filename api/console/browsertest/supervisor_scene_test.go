package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/reconcile"
)

// watch is a scene that a supervisor looks after: sites, positions, a trail of links,
// an instrument that runs, a line in quarantine, a device to revoke, and a case of
// others.
type watch struct {
	*scene
	boss       who
	lost       *ingesttest.Device
	series     event.UUID
	instrument event.UUID
	began      time.Time
	next       int64
	segments   int64
	bad        int64
	foreign    event.UUID
}

// placed seals an event with a position.
func placed(d *ingesttest.Device, id event.UUID, b event.Body, lat, lon int64, datum event.Datum) []byte {
	p := d.Payload(id, b)
	p.Place = &event.Place{LatE7: lat, LonE7: lon, Datum: datum, AccuracyMM: 8500, Source: "gnss", FixTime: p.Clock.Wall}
	line, eventID := d.SealPayload(p)
	d.Seq, d.Prev = p.Seq, eventID
	return line
}

func (w *watch) submit(lines ...[]byte) {
	w.t.Helper()
	for i, r := range w.Submit(lines...).Results {
		if r.Status != reconcile.Accepted {
			w.t.Fatalf("line %d: %s %s", i, r.Code, r.Detail)
		}
	}
}

func newWatch(t *testing.T) *watch {
	w := &watch{scene: newScene(t)}
	w.boss = w.person("Zhao Min 赵敏", w.Org, event.RoleSupervisor)
	w.collect([4]string{"W-001", "voa", "HCl", "VOA vial"}, [4]string{"W-002", "metals", "HNO3", "PE"}, [4]string{hostile, "metals", "HNO3", "PE"})
	w.trail()
	w.air()
	fork := w.field.Fork()
	fork.Seq, fork.Prev = fork.Seq-1, event.ID{7}
	w.bad = w.Submit(fork.Note(w.caseID, "another history "+hostile)).Results[0].Index
	w.lost = w.AddDeviceOf(w.Org, w.person("Sun Hao 孙浩", w.Org, event.RoleInspector).ID)
	w.submit(w.lost.Genesis())
	police := w.AddOrg("police")
	theirs := w.AddDeviceOf(police, w.AddPerson(police))
	genesis := theirs.Genesis()
	var open []byte
	w.foreign, open = theirs.OpenCase("P-1")
	w.submit(genesis, open)
	return w
}

// trail records sites, things and what ties them together.
func (w *watch) trail() {
	d, id := w.field, w.caseID
	site, yard := w.ID(), w.ID()
	record := func(site event.UUID, name string, lat, lon, half int64, datum event.Datum) []byte {
		return d.Seal(id, &event.SiteRecorded{Site: site, Name: name, Centre: event.Place{LatE7: lat, LonE7: lon, Datum: datum, AccuracyMM: 4200, Source: "gnss"},
			Outline:  [][2]int64{{lat - half, lon - half}, {lat - half, lon + half}, {lat + half/2, lon + half*3/2}, {lat + half, lon - half}},
			Officers: []event.Officer{{Name: "Li Wei"}, {Name: "Zhao Min"}}, Start: event.StampOf(d.Clock)})
	}
	w.submit(record(site, "River bank north of the bridge 北桥河岸", 302650000, 1201610000, 6000, "WGS-84"), record(yard, "Yard 仓库", 302690000, 1201700000, 4000, "WGS-84"))
	for i := range 6 {
		w.submit(placed(d, id, &event.NoteWritten{Text: fmt.Sprintf("walk %d", i)}, 302640000+int64(i)*3000, 1201600000+int64(i*i)*900, "WGS-84"))
	}
	photo := event.Media{SHA256: event.Digest{1, 2, 3}, Size: 338025, Type: "image/jpeg", Name: "IMG_0001.JPG"}
	w.submit(placed(d, id, &event.PhotoCaptured{Photo: w.ID(), Media: photo, Shows: "Drums at the water's edge", SealVisible: "no", Site: site}, 302652000, 1201614000, "WGS-84"),
		placed(d, id, &event.ObjectRecorded{Object: w.ID(), Kind: "waste_heap", Label: "Heap under tarpaulin"}, 302628000, 1201664000, "GCJ-02"))
	party, account := w.ID(), w.ID()
	w.submit(d.Seal(id, &event.PartyRecorded{Party: party, Kind: "company", Name: "Hengda Plating Ltd 恒达电镀"}),
		d.Seal(id, &event.ObjectRecorded{Object: account, Kind: "account", Label: "Account", Identifiers: []event.Identifier{{Kind: "account", Value: "6222 0211"}}}))
	link := func(from, to event.Ref, relation, basis string) []byte {
		return d.Seal(id, &event.LinkRecorded{Link: w.ID(), From: from, To: to, Relation: relation, Basis: basis})
	}
	ref := func(kind event.RefKind, id event.UUID) event.Ref { return event.Ref{Kind: kind, ID: id} }
	for v := range 3 {
		truck := w.ID()
		w.submit(d.Seal(id, &event.ObjectRecorded{Object: truck, Kind: "vehicle", Label: "Truck", Identifiers: []event.Identifier{{Kind: "plate", Value: fmt.Sprintf("浙A·%d21%d7", v+4, v)}}}),
			link(ref("object", truck), ref("site", []event.UUID{site, yard}[v%2]), "unloaded at", "GPS of the freight platform"), link(ref("object", truck), ref("site", yard), "loaded at", "gate log"))
		for b := range 4 {
			barrel := w.ID()
			w.submit(d.Seal(id, &event.ObjectRecorded{Object: barrel, Kind: "barrel", Label: fmt.Sprintf("Drum %d-%d", v+1, b+1)}), link(ref("object", barrel), ref("object", truck), "carried by", "photo and plate"))
		}
	}
	w.submit(link(ref("site", yard), ref("party", party), "rented by", "lease of 2024"), link(ref("party", party), ref("object", account), "paid from", "bank statement"),
		d.Seal(id, &event.QuantityRecorded{Quantity: w.ID(), Party: party, Waste: "plating sludge", WasteCode: "336-054-17", Tier: "weighed", NetKG: dec("3420.5"), WeighbridgeNo: "7", ContainerType: "drum", Containers: 12}))
}

// air records three hours at one reading a second, with a gap, faults and a peak.
func (w *watch) air() {
	w.series, w.instrument = w.ID(), w.ID()
	w.began = time.Now().Add(-3 * time.Hour).Truncate(time.Second)
	w.submit(w.field.Seal(w.caseID, &event.InstrumentRecorded{Instrument: w.instrument, Make: "Thermo", Model: "5800", Serial: "TH-0417", Sensor: "fid", RangeHigh: dec("100"), Unit: "mg/m3", CalibrationDue: "2099-01-01"}),
		w.field.Seal(w.caseID, &event.AirStarted{Series: w.series, Instrument: w.instrument, Format: "generic-csv", Source: "live", Channels: []event.Channel{{Name: "nmhc", Quantity: "NMHC", Unit: "mg/m3"}}, PeriodMS: 1000, Preamble: []byte("time,nmhc\n")}))
	for w.next < 3*3600-60 {
		w.segment(900)
	}
}

// segment seals the next stretch of readings.
func (w *watch) segment(rows int64) {
	w.t.Helper()
	var raw strings.Builder
	n := int64(0)
	for ; n < rows; w.next++ {
		i := w.next
		if i > 4000 && i < 4600 {
			w.next = 4600
			continue
		}
		v := 6.0 + float64(i%97)/40 + float64(i%1300)/400
		if i > 7000 && i < 7200 {
			v += float64(200-max(i-7100, 7100-i)) / 6
		}
		cell := fmt.Sprintf("%.2f", v)
		if i%2777 == 0 {
			cell = "ERR"
		}
		fmt.Fprintf(&raw, "%s,%s\n", w.began.Add(time.Duration(i)*time.Second).UTC().Format("2006-01-02T15:04:05Z"), cell)
		n++
	}
	w.segments++
	w.submit(w.field.Seal(w.caseID, &event.AirSegment{Series: w.series, N: w.segments, Raw: []byte(raw.String()), Rows: n}))
}
