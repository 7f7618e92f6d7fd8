// Package eventtest gives one complete, valid example of every event body. The
// tests of other rooms, the JSON Schema checks and the contract's vectors are
// made from the same examples, so that a new type without an example fails.
package eventtest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// UUID gives a stable version 7 UUID for a small number.
func UUID(n int) (u event.UUID) {
	u, err := event.ParseUUID(fmt.Sprintf("01932f6e-%04x-7000-8000-%012x", n>>16, n))
	if err != nil {
		panic(err)
	}
	return u
}

// Digest gives a stable digest for a text.
func Digest(text string) event.Digest { return sha256.Sum256([]byte(text)) }

// ID gives a stable event id for a text.
func ID(text string) event.ID { return sha256.Sum256([]byte("id " + text)) }

func dec(s string) *decimal.Decimal {
	d, err := decimal.Parse(s)
	if err != nil {
		panic(err)
	}
	return &d
}

func ptr[T any](v T) *T { return &v }

// Terms is the exact text of example terms of a handover of one sealed sample.
func Terms() string {
	t := event.Terms{
		Handover: UUID(60), Case: UUID(1),
		From: event.Holder{Person: UUID(11), Org: UUID(21), Name: "Li Wei", Device: UUID(31)},
		To:   event.Holder{Person: UUID(12), Org: UUID(22), Name: "Chen Jing", Device: UUID(32)},
		Mode: "courier", Carrier: "SF Express", TrackingNo: "SF1020304050", Purpose: "analysis", Place: "depot gate 2",
		Relinquished: "2026-11-24T11:05:00+08:00",
		Items:        []event.HandoverItem{{Item: event.Ref{Kind: "sample", ID: UUID(40)}, Label: "S-0001", SealNo: "C-7781", Seal: "intact"}},
		Count:        1, TempC: dec("3.5"),
	}
	text, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Place is an example fix.
func Place() *event.Place {
	return &event.Place{LatE7: 311234567, LonE7: 1217654321, Datum: "WGS-84", AccuracyMM: 4200, AltMM: ptr(int64(12500)), Source: "gnss", FixTime: "2026-11-24T09:29:58+08:00"}
}

var media = event.Media{SHA256: Digest("photo"), Size: 338025, Type: "image/jpeg", Name: "IMG_0001.JPG"}

// Bodies gives a complete example body of every type.
func Bodies() map[event.Type]event.Body {
	list := []event.Body{}
	list = append(list, authority()...)
	list = append(list, field()...)
	list = append(list, samples()...)
	list = append(list, air()...)
	list = append(list, custody()...)
	m := map[event.Type]event.Body{}
	for _, b := range list {
		m[event.TypeOf(b)] = b
	}
	return m
}

var key = event.PublicKeyInfo{ID: Digest("key"), Alg: event.AlgP256, SPKI: []byte("not a key, only its place")}

func authority() []event.Body {
	return []event.Body{
		&event.AuthorityGenesis{Name: "City Environment Bureau", NameZH: "市生态环境局", Key: key, LogOrigin: "custody.example/log", LogKey: "custody.example/log+00000000+AQ=="},
		&event.OrgRegistered{Org: UUID(22), Kind: "lab", Name: "East Laboratory", NameZH: "东部检测中心", Accreditation: &event.Accreditation{Number: "CMA 2026-117", Body: "CMA", Methods: []string{"HJ 700-2014"}, ValidFrom: "2024-01-01", ValidUntil: "2029-12-31"}, Request: ID("request")},
		&event.PersonRegistered{Person: UUID(11), Org: UUID(21), Name: "Li Wei", Login: "liwei", Roles: []event.Role{event.RoleInspector}, CredentialNo: "EN-3301-0042", CredentialFrom: "2024-03-01", CredentialUntil: "2029-02-28", Request: ID("request")},
		&event.DeviceEnrolled{Device: UUID(31), Key: key, Person: UUID(11), Org: UUID(21), Model: "rugged laptop", App: "fieldkit", Code: Digest("code"), Proof: []byte("{}"),
			Former: &event.FormerEnrolment{Origin: "custody.example/log-2025", Enrolment: event.ID(Digest("former"))}},
		&event.DeviceRevoked{Device: UUID(31), Key: key.ID, Reason: "lost on 24 November", By: UUID(13), Request: ID("request")},
		&event.CaseGranted{Grant: UUID(51), Org: UUID(22), Right: "write", Until: "2027-11-24T00:00:00+08:00", Reason: "commissioned for analysis", Request: ID("request")},
		&event.GrantRevoked{Grant: UUID(51), Reason: "analysis done", Request: ID("request")},
		&event.MediaReceived{SHA256: media.SHA256, Size: media.Size, Type: media.Type, Carrier: UUID(31)},
		&event.MediaQuarantined{Wanted: media.SHA256, Got: Digest("other"), Size: 338024, Carrier: UUID(31)},
		&event.LabelBlock{Device: UUID(31), Prefix: "S-", First: 1, Last: 500, Request: ID("request")},
		&event.RulePack{Pack: "default", Version: "2026.1", Jurisdiction: "CN", Effective: "2026-01-01", SHA256: Digest("{}"), Content: "{}"},
		&event.BundleExported{Bundle: UUID(52), ManifestSHA256: Digest("manifest"), Shown: 120, Hidden: 4, CheckpointSize: 200, Purpose: "transfer to the court"},
		&event.LogPredecessor{Origin: "custody.example/log-2025", Size: 4711, Root: event.Root(Digest("root")), Checkpoint: "custody.example/log-2025\n4711\n…\n", Reason: "restored from backup", Endorsement: []byte("{}")},
	}
}

func field() []event.Body {
	refs := []event.Ref{{Kind: "site", ID: UUID(2)}}
	return []event.Body{
		&event.DeviceGenesis{Enrolment: ID("enrolment"), Key: key.ID, Origin: "custody.example/log", Model: "rugged laptop", App: "fieldkit"},
		&event.ClockObserved{ServerWall: "2026-11-24T12:00:00.250+08:00", OffsetMS: -1250, RoundTripMS: 40},
		&event.CaseOpened{Number: "2026-HW-017", Title: "Drums by the river", Authority: "City Environment Bureau", LegalBasis: "Criminal Law art. 338", Clue: "T-2026-88", LinkedCases: []string{"2026-HW-011"}, Jurisdictions: []string{"330100"}},
		&event.SiteRecorded{Site: UUID(2), Name: "River bank", Centre: *Place(), Outline: [][2]int64{{311230000, 1217650000}, {311240000, 1217650000}, {311240000, 1217660000}}, Weather: "overcast, 11 °C", WindDeg: dec("270.5"), WindMS: dec("1.2"),
			Officers: []event.Officer{{Person: UUID(11), Name: "Li Wei", CredentialNo: "EN-3301-0042"}, {Person: UUID(14), Name: "Zhao Min", CredentialNo: "EN-3301-0043"}},
			Party:    &event.Attendance{Party: UUID(3), Signing: "refused", Reason: "left the scene"}, Witness: &event.Attendance{Name: "Sun Hao", Signing: "signed", Signature: Digest("signature")},
			Start: "2026-11-24T09:00:00+08:00", End: "2026-11-24T11:00:00+08:00", Sketch: &media, Access: "by the dyke road", Narrative: "Eleven drums, three leaking."},
		&event.PartyRecorded{Party: UUID(3), Kind: "company", Name: "Hongda Metal Finishing", IDNo: "91330100MA0000000X", Role: "producer", Note: "named on two drums"},
		&event.ObjectRecorded{Object: UUID(4), Kind: "barrel", Label: "D-01", Description: "blue steel drum, 200 L", Identifiers: []event.Identifier{{Kind: "marking", Value: "HW17"}}, Site: UUID(2), SealNo: "C-7700", Held: true},
		&event.LinkRecorded{Link: UUID(5), From: event.Ref{Kind: "object", ID: UUID(4)}, To: event.Ref{Kind: "party", ID: UUID(3)}, Relation: "produced by", Basis: "marking on the drum", Events: []event.ID{ID("drum")}, Media: &media},
		&event.QuantityRecorded{Quantity: UUID(6), Party: UUID(3), Object: UUID(4), Site: UUID(2), Waste: "electroplating sludge", WasteCode: "HW17 336-054-17", Tier: "weighed", ContainerType: "drum", Containers: 11, GrossKG: dec("3310.5"), TareKG: dec("220"), NetKG: dec("3090.5"), WeighbridgeNo: "WB-2", WeighbridgeDue: "2027-05-01", WaybillNo: "YD2026", ManifestNo: "LD2026", Plate: "浙A12345", Route: "Yuhang–Lin'an", From: "2026-11-20T00:00:00+08:00", To: "2026-11-24T00:00:00+08:00", Basis: "weighbridge ticket", Media: &media},
		&event.NoteWritten{Text: "Smell of solvent at the north end. 北端有溶剂气味。", About: refs},
		&event.EventAmended{Target: ID("sample"), Reason: "seal number misread", Changes: []event.Change{{Path: "/seal_no", Old: `"C-7781"`, New: `"C-7782"`}}},
		&event.PhotoCaptured{Photo: UUID(7), Media: media, Exif: &event.Exif{Time: "2026:11:24 09:31:02", Offset: "+08:00", GPSTime: "2026-11-24T01:30:58Z", GPSLatE7: ptr(int64(311234500)), GPSLonE7: ptr(int64(1217654300)), GPSErrorMM: 5000, GPSDatum: "WGS-84", Orientation: 6, Width: 4032, Height: 3024, Make: "Maker", Model: "Phone", PHash: "8f0e1c3a5b7d9021"}, HeadingCDeg: ptr(int64(27050)), Photographer: UUID(11), Shows: "drum D-01 with its seal", SealVisible: "yes", Site: UUID(2), About: refs, DerivativeOf: Digest("original"), Derivation: "cropped to the seal"},
		&event.FileAttached{File: UUID(8), Media: media, Kind: "waybill", Title: "waybill of 20 November", About: refs, DerivativeOf: Digest("original"), Derivation: "scan"},
	}
}

func samples() []event.Body {
	acc := &event.Accreditation{Number: "CMA 2026-117", Methods: []string{"HJ 700-2014"}, ValidUntil: "2029-12-31"}
	return []event.Body{
		&event.SampleCollected{Sample: UUID(40), Label: "S-0001", Parent: UUID(39), QC: "split", Matrix: "liquid_waste", Gathering: "composite", Increments: 5, Method: "HJ 298-2019", Site: UUID(2), Waste: UUID(4), Point: "P1, drum D-01", DepthMM: ptr(int64(300)), Start: "2026-11-24T09:40:00+08:00", End: "2026-11-24T09:48:00+08:00", Amount: &event.Amount{Value: *dec("500"), Unit: "mL"}, Container: &event.Container{Material: "HDPE", No: "B-19", Lot: "L2026", Volume: "500 mL"}, Preserved: "HNO3", PH: dec("1.8"), StorageTempC: dec("4.0"), SealNo: "C-7781", HoldHours: 4000, Analyses: []event.Analysis{{Group: "metals", Method: "HJ 700-2014"}}, Hazard: "corrosive", Parameters: []event.Parameter{{Name: "pH", Value: *dec("1.9"), Unit: "pH"}}, Sampler: UUID(11), SecondSampler: UUID(14), Party: &event.Attendance{Party: UUID(3), Signing: "refused"}, Witness: &event.Attendance{Name: "Sun Hao", Signing: "signed"}, Cooler: "K-1", Record: &media},
		&event.SealApplied{Item: event.Ref{Kind: "sample", ID: UUID(40)}, OldSeal: "C-7781", NewSeal: "C-7790", Reason: "opened for pH check", Witness: "Zhao Min", At: "2026-11-24T10:00:00+08:00"},
		&event.LabAccessioned{Accession: UUID(41), Lab: UUID(22), Accreditation: acc, Sample: UUID(40), LabelRead: "S-0001", LabelAgrees: "yes", CustodyFormNo: "COC-17", ReceivedBy: UUID(12), Received: "2026-11-24T16:00:00+08:00", Cooler: "K-1", CoolerTempC: dec("4.2"), OnIce: "yes", SealNo: "C-7781", Seal: "intact", Intact: "yes", HeadspaceMM: dec("2.0"), PH: dec("1.8"), PHOK: "yes", HoldHoursLeft: ptr(int64(4300)), Decision: "accept_with_qualifier", Qualifier: "J: received warm", Reason: "temperature", Photo: &media, LabID: "E26-0417-01", BatchNo: "E26-0417", Storage: "cold room 2, shelf 4"},
		&event.SubsampleMade{Subsample: UUID(42), Parent: event.Ref{Kind: "sample", ID: UUID(40)}, Label: "S-0001/a", Kind: "digest", MassIn: dec("500"), MassOut: dec("50"), Unit: "mL", Analyst: UUID(12), At: "2026-11-25T09:00:00+08:00", Batch: "D-311"},
		&event.ResultsReported{Report: UUID(43), ReportNo: "E26-0417", Lab: UUID(22), Accreditation: acc, Analyst: UUID(12), Source: &media, Part: 1, Parts: 1, Results: []event.Result{{Result: UUID(44), Sample: &event.Ref{Kind: "sample", ID: UUID(40)}, SampleCode: "S-0001", LabID: "E26-0417-01", Analyte: "Nickel", CAS: "7440-02-0", Method: "HJ 700-2014", Prep: "HJ 677-2013", Fraction: "total", Prepared: "2026-11-25T09:00:00+08:00", Analysed: "2026-11-25T15:00:00+08:00", AnalysedOn: "2026-11-25", Batch: "D-311", Dilution: dec("10"), Text: "128.4", Value: dec("128.4"), Unit: "mg/L", UnitAsWritten: "MG/L", Basis: "wet", MDL: dec("0.06"), RL: dec("0.2"), Qualifier: "J", Validation: "J", Uncertainty: dec("6.4"), K: dec("2"), Instrument: "ICP-MS 2", QC: "lcs", Row: 12}}},
		&event.ReportSigned{Report: UUID(43), As: "reviewer", Digest: Digest("report"), Opinion: "agreed"},
	}
}

func air() []event.Body {
	return []event.Body{
		&event.InstrumentRecorded{Instrument: UUID(45), Make: "Sensit", Model: "SPOD", Serial: "0000", Firmware: "1.7", Sensor: "pid", LampEV: dec("10.6"), ResponseGas: "isobutylene", CorrectionFactor: dec("1.0"), RangeLow: dec("0"), RangeHigh: dec("50000"), LDL: dec("10"), Unit: "ppb", CertificateNo: "JL-2026-5", LastCalibration: "2026-11-01", CalibrationDue: "2027-11-01", Certificate: &media},
		&event.InstrumentChecked{Instrument: UUID(45), Kind: "bump", At: "2026-11-24T08:30:00+08:00", Gas: "isobutylene 10 ppm", CylinderLot: "A-19", CylinderExpiry: "2027-06-30", Expected: dec("10000"), Observed: dec("9820"), Unit: "ppb", Pass: "yes", Note: "before the first site"},
		&event.AirStarted{Series: UUID(46), Instrument: UUID(45), Site: UUID(2), Format: "spod-csv", Source: "live", Channels: []event.Channel{{Name: "pid1_PPB_Calc", Quantity: "VOC as isobutylene", Unit: "ppb"}}, PeriodMS: 11000, AveragingMS: 1000, Zone: "+08:00", File: &media, Preamble: []byte("header\n")},
		&event.AirSegment{Series: UUID(46), N: 1, Raw: []byte("6/7/2023 4:00,6/7/2023 0:00,68.24\n"), Rows: 1, First: "2023-06-07T04:00:00Z", Last: "2023-06-07T04:00:00Z", Figures: []event.Figures{{Channel: 0, Min: dec("68.24"), Max: dec("68.24"), Sum: dec("68.24"), Count: 1, Missing: 1, OverRange: 1}}, Warnings: []event.RowWarning{{Row: 1, Code: "TIME_TO_MINUTE"}}},
		&event.AirEnded{Series: UUID(46), Segments: 1, Rows: 1, Reason: "end of file"},
	}
}

func custody() []event.Body {
	item := event.Ref{Kind: "sample", ID: UUID(40)}
	terms := Terms()
	d := event.TermsDigest(terms)
	return []event.Body{
		&event.CustodyOffered{Terms: terms, Digest: d},
		&event.CustodyAccepted{Handover: UUID(60), Terms: terms, Digest: d, Offer: ID("offer"), OfferDevice: UUID(31), Received: "2026-11-24T15:55:00+08:00", Seals: []event.SealFound{{Item: item, SealNo: "C-7781", Seal: "intact"}}, Missing: []event.Ref{{Kind: "sample", ID: UUID(47)}}, Unexpected: []event.Unexpected{{Label: "S-0099", Explanation: "not on the form"}}, Count: 1, TempC: dec("4.2"), Exceptions: "outer box dented"},
		&event.CustodyConcluded{Handover: UUID(60), Digest: d, Acceptance: ID("acceptance"), AcceptDevice: UUID(32)},
		&event.CustodyDeclined{Handover: UUID(60), Offer: ID("offer"), Reason: "seal broken"},
		&event.StorageMoved{Item: item, Move: "in", Location: "evidence room 1", Reason: "overnight", At: "2026-11-24T17:00:00+08:00"},
		&event.HoldPlaced{Hold: UUID(48), Items: []event.Ref{item}, Authority: "Procuratorate", Reason: "trial pending"},
		&event.HoldReleased{Hold: UUID(48), Authority: "Procuratorate", Reason: "judgment final"},
		&event.ItemDisposed{Item: item, Authority: "Procuratorate", HoldChecked: "yes", Method: "licensed incineration", Witness: "Zhao Min", At: "2027-11-24T09:00:00+08:00", Left: &event.Amount{Value: *dec("100"), Unit: "mL"}},
		&event.DossierStepTaken{Dossier: UUID(49), Step: "legal_review", At: "2026-12-01T09:00:00+08:00", To: "City Public Security Bureau", Documents: []event.DossierDocument{{Kind: "transfer_letter", Title: "Letter 17", Present: "yes", SHA256: Digest("letter")}}, Opinion: "complete", Payer: "bureau, deferred", PayDue: "2027-06-01"},
		&event.WaiverGranted{Waiver: UUID(53), Defect: "TEMP_OUT_OF_RANGE", About: &item, Authority: "City Environment Bureau", Reason: "metals are not affected", Document: &media},
		&event.QuarantineSettled{Index: 17, Resolution: "acknowledged", Reason: "test event of a training device"},
		&event.AuthorityRequested{Act: "device.revoked", Body: `{"device":"` + UUID(31).String() + `","key":"` + key.ID.String() + `","reason":"lost on 24 November"}`, Reason: "the tablet was left in a taxi"},
	}
}

// Payload wraps an example body of type t as event seq of a device.
func Payload(t event.Type, seq int64) event.Payload {
	return PayloadOf(Bodies()[t], seq)
}

// PayloadOf wraps a body as event seq of device 31, acted by person 11, in case 1 where its type needs one.
func PayloadOf(b event.Body, seq int64) event.Payload {
	raw, err := event.MarshalBody(b)
	if err != nil {
		panic(err)
	}
	t := event.TypeOf(b)
	p := event.Payload{V: event.Version, Type: t, UUID: UUID(1000 + int(seq)), Device: UUID(31), Seq: seq, Actor: UUID(11),
		Clock: event.Clock{Wall: "2026-11-24T09:30:00.250+08:00", Source: "gnss", Boot: UUID(90), MonoMS: 1000 * seq},
		Seen:  &event.Seen{Origin: "custody.example/log", Size: 12, Root: event.Root(Digest("root")), Note: Digest("note")},
		Place: Place(), Body: raw}
	if seq > 1 {
		p.Prev = ID(fmt.Sprint("prev ", seq-1))
	}
	if t.InCase() {
		p.Case = UUID(1)
	}
	return p
}
