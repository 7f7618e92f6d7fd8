package manifest

import (
	"errors"
	"time"

	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/decimal"
)

var (
	// ErrTooLarge: over MaxBytes, MaxDocuments or MaxPoints.
	ErrTooLarge = errors.New("file too large")
	// ErrSyntax: the file is no e-Manifest JSON.
	ErrSyntax = errors.New("not an e-Manifest JSON document")
	// ErrNoTable: no header line with a waybill number was found.
	ErrNoTable = errors.New("no table of waybills found")
)

const (
	// MaxBytes bounds a file; a day's GPS track at 1 Hz has some 6 MB.
	MaxBytes = 16 << 20
	// MaxDocuments bounds the waybills or manifests of one file.
	MaxDocuments = 20_000
	// MaxPoints bounds the points of one file.
	MaxPoints = 200_000
	// MaxProblems bounds the list; the last one then says that more follow.
	MaxProblems = 5_000
	// maxRecords bounds the search for the header line.
	maxHeaderRecords = 50
)

// Kind says what paper a document is.
type Kind string

// The kinds.
const (
	EManifest Kind = "emanifest"
	Waybill   Kind = "waybill"
)

// Role is a party's part in the transport.
type Role string

// The roles.
const (
	Generator   Role = "generator"
	Transporter Role = "transporter"
	Facility    Role = "facility" // designated to receive
	Broker      Role = "broker"
	Shipper     Role = "shipper"
	Carrier     Role = "carrier"
	Consignee   Role = "consignee"
	Driver      Role = "driver"
)

// Party is one party as the paper names it.
type Party struct {
	Role  Role
	ID    string // registration number, "" when not stated
	Name  string
	Order int // of transporters, from 1; 0 otherwise
	Phone string
}

// MassBasis says where MassKG comes from.
type MassBasis string

// The bases.
const (
	NoMass      MassBasis = ""
	MassStated  MassBasis = "stated"  // in kilograms or another unit of mass
	MassDensity MassBasis = "density" // volume times the density stated
	MassScale   MassBasis = "weighed" // net weight, or gross less tare
)

// Quantity is one line of waste.
type Quantity struct {
	Line          int // line number on the paper, from 1
	Waste         string
	WasteCodes    []string
	Hazardous     bool
	ContainerCode string // as written, such as "DM"
	ContainerType string
	Containers    *int64 // nil when not stated
	Amount        *decimal.Decimal
	AmountText    string
	Unit          string // spelling of package unit; "" when not known
	UnitText      string
	// MassKG is the mass; MassExact is false where a conversion had to be rounded.
	MassKG                 *decimal.Decimal
	MassExact              bool
	MassBasis              MassBasis
	GrossKG, TareKG, NetKG *decimal.Decimal
	WeighbridgeNo          string
}

// PointKind says what happened at a point.
type PointKind string

// The kinds of point.
const (
	Load PointKind = "load"
	Way  PointKind = "way"
	Tip  PointKind = "tip"
)

// Point is a place on the way.
type Point struct {
	Kind  PointKind
	Place string // as written
	// LatE7 and LonE7 are degrees × 10^7 in Datum; nil when not stated or unusable.
	LatE7, LonE7 *int64
	Rounded      bool   // the source had more than seven decimals
	Datum        string // "WGS-84" or "GCJ-02"
	TimeText     string
	Time         sheet.Moment // At is zero when absent or unreadable
	Line         int64        // in the file
}

// Document is one paper.
type Document struct {
	Kind       Kind
	Number     string // manifest tracking number or waybill number; "" on a manifest not yet numbered
	Status     string
	Submission string // e-Manifest: FullElectronic, Hybrid …
	Plate      string
	Parties    []Party
	Quantities []Quantity
	Route      []Point
	// Shipped, Received and Certified are those of an e-Manifest.
	Shipped, Received, Certified sheet.Moment
	Line                         int64 // of the first row; 0 for JSON
}

// File is what was read.
type File struct {
	Documents []Document
	Problems  []Problem
	Encoding  string // of a CSV
	errors    int
	points    int
}

// Importable reports whether there are documents and no problem is an error.
func (f *File) Importable() bool { return len(f.Documents) > 0 && f.errors == 0 }

// Options say how to read a waybill CSV.
type Options struct {
	Encoding string // see package sheet
	Dates    sheet.Order
	Zone     *time.Location // of times that state none; nil when not known
	Datum    string         // of coordinates in rows that state none
}

// Severity says whether a problem stops the import.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Code names one kind of problem. The codes are stable.
type Code string

// The codes.
const (
	MissingValue    Code = "MISSING_VALUE"      // E: waybill number, unit of a quantity
	UnitUnknown     Code = "UNIT_UNKNOWN"       // E
	BadNumber       Code = "BAD_NUMBER"         // E
	ContainerCode   Code = "CONTAINER_CODE"     // W: not one of the e-Manifest codes
	NoQuantity      Code = "NO_QUANTITY"        // W: a line without figure
	NetMismatch     Code = "NET_MISMATCH"       // E: net is not gross less tare
	BadPosition     Code = "BAD_POSITION"       // E
	ZeroPosition    Code = "ZERO_POSITION"      // W: 0, 0 is no position
	DatumMissing    Code = "DATUM_MISSING"      // E
	DatumUnknown    Code = "DATUM_UNKNOWN"      // E
	BadDate         Code = "BAD_DATE"           // E
	DateAmbiguous   Code = "DATE_AMBIGUOUS"     // E
	TimesDisorder   Code = "TIMES_OUT_OF_ORDER" // W: tipped before loaded, points not in order of time
	Conflicting     Code = "CONFLICTING_ROW"    // E: one waybill number with two plates or parties
	DuplicateRow    Code = "DUPLICATE_ROW"      // E: the same row twice
	RowShape        Code = "ROW_SHAPE"          // E: fewer or more cells than the header
	UnknownKind     Code = "UNKNOWN_KIND"       // E: neither waybill nor point, or a point of no known kind
	UnknownColumn   Code = "UNKNOWN_COLUMN"     // W
	DuplicateColumn Code = "DUPLICATE_COLUMN"   // E
	EncodingGuessed Code = "ENCODING_GUESSED"   // W
	EncodingBroken  Code = "ENCODING_BROKEN"    // E
	MoreProblems    Code = "MORE_PROBLEMS"      // E: the list was cut
)

// Problem is one finding, in both languages.
type Problem struct {
	Line     int64  // in a CSV, or the waste line of a manifest; 0 for the whole
	Where    string // column, or JSON member
	Code     Code
	Severity Severity
	EN, ZH   string
}

func (f *File) problem(line int64, where string, code Code, s Severity, en, zh string) {
	if s == Error {
		f.errors++
	}
	switch n := len(f.Problems); {
	case n < MaxProblems-1:
		f.Problems = append(f.Problems, Problem{line, where, code, s, en, zh})
	case n == MaxProblems-1:
		f.errors++
		f.Problems = append(f.Problems, Problem{0, "", MoreProblems, Error, "more problems follow that are not listed", "还有更多问题未列出"})
	}
}
