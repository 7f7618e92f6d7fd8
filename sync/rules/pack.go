package rules

import "fieldseal/sync/event"

// Pack is a versioned set of rules.
type Pack struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	// Effective is the first day on which the pack is in force.
	Effective    event.Date        `json:"effective"`
	Jurisdiction string            `json:"jurisdiction"`
	Title        Text              `json:"title"`
	Sources      map[string]Source `json:"sources"`
	Custody      Custody           `json:"custody"`
	Receipt      Receipt           `json:"receipt"`
	Groups       []Group           `json:"groups"`
	Holding      []Holding         `json:"holding"`
	Preservation []Preservation    `json:"preservation"`
	Spellings    []Spelling        `json:"spellings"`
	Sampling     Sampling          `json:"sampling"`
	QC           QC                `json:"qc"`
	Lab          Lab               `json:"lab"`
	Units        []UnitSet         `json:"units"`
	Air          Air               `json:"air"`
	Series       Series            `json:"series"`
	Position     Position          `json:"position"`
	Clock        Clock             `json:"clock"`
	Photo        Photo             `json:"photo"`
	Dossier      Dossier           `json:"dossier"`
	Limits       []ReportLimit     `json:"limits"`
}

// Text is one statement in English and in Chinese.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// Source is a text that values come from.
type Source struct {
	Title Text `json:"title"`
	// Confirmed: somebody has compared the values with the original text.
	Confirmed bool   `json:"confirmed"`
	Note      string `json:"note,omitzero"`
}

// Custody holds what a handover may take.
type Custody struct {
	// ByHandGap is the longest time between relinquishing and receiving by hand.
	ByHandGap Span `json:"by_hand_gap"`
	// CourierTransit is the longest time that a sealed parcel is expected to travel.
	CourierTransit Span `json:"courier_transit"`
	// AcceptanceGrace is how long an offer by hand may stay unanswered before it counts as one-sided.
	AcceptanceGrace Span `json:"acceptance_grace"`
	// ClockTolerance is how far the clocks of two people's devices may differ without a word.
	ClockTolerance Span `json:"clock_tolerance"`
	// MassTolerance is how far sub-samples may exceed what the parent held, in per cent of it.
	MassTolerance Value `json:"mass_tolerance"`
}

// Receipt holds what a laboratory has to find on receipt.
type Receipt struct {
	// TempMin and TempMax bound the temperature of chilled samples, degrees Celsius.
	TempMin Value `json:"temp_min"`
	TempMax Value `json:"temp_max"`
	// SameDayOnIce: warmer is acceptable within this time of sampling if the samples came on ice.
	SameDayOnIce Span `json:"same_day_on_ice"`
	// HeadspaceMax is the largest bubble in a VOA vial, millimetres.
	HeadspaceMax Value `json:"headspace_max"`
}

// Group is a group of analytes that are preserved and held alike.
type Group struct {
	ID    string `json:"id"`
	Title Text   `json:"title"`
	// CAS, Analytes and Methods tell which results belong to it.
	CAS      []string `json:"cas,omitzero"`
	Analytes []string `json:"analytes,omitzero"`
	Methods  []string `json:"methods,omitzero"`
	// Volatile: lost into headspace; trip blanks go with it.
	Volatile bool `json:"volatile,omitzero"`
}

// Holding is a holding time of a group in some matrices.
type Holding struct {
	Group    string         `json:"group"`
	Matrices []event.Matrix `json:"matrices"`
	// Preparation limits the time from sampling to extraction or digestion, where there is one;
	// Analysis then runs from preparation, otherwise from sampling.
	Preparation Limit `json:"preparation,omitzero"`
	Analysis    Limit `json:"analysis"`
	Cited
}

// Preservation is how a group has to be kept in some matrices.
type Preservation struct {
	Group    string         `json:"group"`
	Matrices []event.Matrix `json:"matrices"`
	// Containers and Preservatives are words of Pack.Spellings. "none" among
	// Preservatives means that none is allowed or needed.
	Containers    []string `json:"containers"`
	Preservatives []string `json:"preservatives"`
	// PHMax and PHMin bound the pH of the preserved sample.
	PHMax *Number `json:"ph_max,omitzero"`
	PHMin *Number `json:"ph_min,omitzero"`
	// Chilled: kept within Receipt.TempMin and TempMax.
	Chilled bool `json:"chilled"`
	Cited
}

// Spelling lists the ways in which people write one word.
type Spelling struct {
	// Kind is "container" or "preservative".
	Kind  string   `json:"kind"`
	Word  string   `json:"word"`
	Title Text     `json:"title"`
	Also  []string `json:"also"`
}

// Sampling holds how many increments a waste needs, and who samples.
type Sampling struct {
	// Increments says how many by the mass of the waste, in ascending order; the last has no UpTo.
	Increments []Increment `json:"increments"`
	// DumpingMin is the least number for each waste of an illegal dumping.
	DumpingMin Value `json:"dumping_min"`
	// ContainerMax is the largest container that one sample stands for, litres.
	ContainerMax Value `json:"container_max"`
	// Officers is the least number of officers at a scene.
	Officers Value `json:"officers"`
}

// Increment is one row of the table of increments.
type Increment struct {
	// UpTo is the mass in tonnes up to which the row applies; absent in the last row.
	UpTo *Number `json:"up_to_t,omitzero"`
	Min  int64   `json:"min"`
	Cited
}

// QC holds the rules of field and laboratory quality control.
type QC struct {
	// TripBlank lists the matrices whose volatile samples travel with a trip blank.
	TripBlank []event.Matrix `json:"trip_blank"`
	// TripBlankCited is the source of that.
	TripBlankCited Cited `json:"trip_blank_cited"`
	// BlankFactor: a detection below this many times the blank's is not told from contamination.
	BlankFactor Value `json:"blank_factor"`
	// RPD are limits on the relative percent difference of duplicates.
	RPD []RPD `json:"rpd"`
	// RPDFloor: duplicates are compared where both are at least this many times the reporting limit.
	RPDFloor Value `json:"rpd_floor"`
}

// RPD is a limit on the relative percent difference in some matrices.
type RPD struct {
	Matrices []event.Matrix `json:"matrices"`
	Max      Number         `json:"max_percent"`
	Cited
}

// Lab holds what a laboratory's report needs.
type Lab struct {
	// Signers lists the roles that sign, each by another person.
	Signers      []event.Signer `json:"signers"`
	SignersCited Cited          `json:"signers_cited"`
	// NotDetected are the qualifiers that say "below the detection limit"; Estimated those that say "estimated".
	NotDetected []string `json:"not_detected"`
	Estimated   []string `json:"estimated"`
	WordsCited  Cited    `json:"words_cited"`
}

// UnitSet is the units that results in some matrices are given in.
type UnitSet struct {
	Matrices []event.Matrix `json:"matrices"`
	// Units that are allowed, with their spellings; any of one set can be converted into another.
	Units []Unit `json:"units"`
	// Basis: wet or dry has to be stated.
	Basis bool `json:"basis"`
	Cited
}

// Unit is a unit of results.
type Unit struct {
	Unit string   `json:"unit"`
	Also []string `json:"also,omitzero"`
	// Dimension says what converts into what; Factor is the unit in the dimension's base unit.
	Dimension string `json:"dimension"`
	Factor    Number `json:"factor"`
}

// Air holds the rules for air instruments and their series.
type Air struct {
	// BumpAge is how long before use a bump test counts; BumpTolerance how far it may be off, per cent of expected.
	BumpAge       Span  `json:"bump_age"`
	BumpTolerance Value `json:"bump_tolerance"`
	// Drift is the largest deviation of a check after use, per cent of expected.
	Drift Value `json:"drift"`
	// ZeroTolerance is the largest zero reading, per cent of range.
	ZeroTolerance Value `json:"zero_tolerance"`
	// FlatlineRecords is the number of equal non-zero values in a row that is a flat line.
	FlatlineRecords Value `json:"flatline_records"`
	// GapFactor: a pause longer than this many periods is a gap.
	GapFactor Value `json:"gap_factor"`
	// StepRange: a change between neighbours over this share of the range, per cent, is a step.
	StepRange Value `json:"step_range"`
	// HourMinutes and DayHours are the valid minutes and hours that an hour and a day need.
	HourMinutes Value `json:"hour_minutes"`
	DayHours    Value `json:"day_hours"`
}

// Position holds the rules for fixes and sites.
type Position struct {
	// FixAge is how old a fix may be when an event is sealed.
	FixAge Span `json:"fix_age"`
	// SiteTolerance is how far outside a site a point may lie beyond the accuracy of both, metres.
	SiteTolerance Value `json:"site_tolerance"`
	// SiteRadius is the reach of a site without an outline, metres.
	SiteRadius Value `json:"site_radius"`
}

// Clock holds the rules for clocks and arrival.
type Clock struct {
	// Jump is the largest step of a device's wall clock against its monotonic clock.
	Jump Span `json:"jump"`
	// Offset is the largest offset from the server's clock.
	Offset Span `json:"offset"`
	// LateSync is how long an event may take to reach the ledger.
	LateSync Span `json:"late_sync"`
	// Width is the widest interval of proof that needs no word.
	Width Span `json:"width"`
	// RevocationWindow is how long before a key's revocation its events need a word.
	RevocationWindow Span `json:"revocation_window"`
}

// Photo holds the rules for pictures.
type Photo struct {
	// TimeConflict is how far EXIF, GPS and sealing time may differ.
	TimeConflict Span `json:"time_conflict"`
	// PlaceConflict is how far the picture's and the event's position may differ, metres.
	PlaceConflict Value `json:"place_conflict"`
	// SameBits is the largest number of differing bits of two perceptual hashes of one picture.
	SameBits Value `json:"same_bits"`
	// ReuseDistance and ReuseTime: one picture claimed for places or times further apart is reuse.
	ReuseDistance Value `json:"reuse_distance"`
	ReuseTime     Span  `json:"reuse_time"`
}

// Dossier holds what a transfer dossier needs.
type Dossier struct {
	// Decide is the time for the head's decision, Send the time for sending it after approval.
	Decide Span `json:"decide"`
	Send   Span `json:"send"`
	// Documents lists what has to be in it.
	Documents []DossierDocument `json:"documents"`
}

// DossierDocument is a document that a dossier needs.
type DossierDocument struct {
	Kind  string `json:"kind"`
	Title Text   `json:"title"`
	// IfResults: needed only where there are laboratory results.
	IfResults bool `json:"if_results,omitzero"`
	Cited
}

// ReportLimit is a legal threshold that a report may show and never concludes from.
type ReportLimit struct {
	ID    string `json:"id"`
	Title Text   `json:"title"`
	// CAS and Analyte name what is limited; Matrices where it applies.
	CAS      string         `json:"cas,omitzero"`
	Analyte  string         `json:"analyte,omitzero"`
	Matrices []event.Matrix `json:"matrices,omitzero"`
	Value    Number         `json:"value"`
	Unit     string         `json:"unit"`
	// Op is how a figure stands to the limit where it counts: ">", ">=", "<=".
	Op string `json:"op"`
	// Times is the multiple of the limit that an offence begins at, where there is one. Both readings
	// of "exceeds by N times" are shown: c >= N·L and (c-L)/L >= N.
	Times *Number `json:"times,omitzero"`
	Cited
}
