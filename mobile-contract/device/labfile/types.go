package labfile

import (
	"errors"
	"time"

	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/decimal"
)

var (
	// ErrTooLarge: over MaxBytes, MaxRows or MaxColumns.
	ErrTooLarge = errors.New("laboratory file too large")
	// ErrSpreadsheet: the file is a spreadsheet; save it as CSV.
	ErrSpreadsheet = sheet.ErrSpreadsheet
	// ErrNoTable: no header line with sample, analyte and result was found.
	ErrNoTable = errors.New("no table of results found")
)

const (
	// MaxBytes bounds a file; a report of 1,400 results has 640 kB.
	MaxBytes = 32 << 20
	// MaxRows bounds the rows; the largest deliverables have some 50,000.
	MaxRows = 100_000
	// MaxColumns bounds the columns; the widest layout (EDF) has some 60.
	MaxColumns = 256
	// maxHeaderRecords bounds the search for the header line.
	maxHeaderRecords = 50
	// MaxProblems bounds the list; the last one then says that more follow, as
	// an error.
	MaxProblems = 10_000
)

// Layout is the kind of deliverable, by its column names.
type Layout string

// The layouts.
const (
	EQuIS   Layout = "equis"
	EDF     Layout = "edf"
	Chinese Layout = "zh"
	General Layout = "general"
)

// DateOrder says how dates such as 03/04/2024 are meant. Without a word of the
// caller, the file's own dates or its layout decide (EQuIS and EDF are
// American); if they do not, such dates are errors.
type DateOrder = sheet.Order

// The orders.
const (
	OrderUnknown = sheet.OrderUnknown
	MonthFirst   = sheet.MonthFirst
	DayFirst     = sheet.DayFirst
)

// Options say how to read.
type Options struct {
	Encoding string         // "utf-8", "gb18030" or "windows-1252"; "" recognises it
	Dates    DateOrder      // "" see DateOrder
	Zone     *time.Location // of times that state none; nil when not known
	Now      time.Time      // results dated later are errors; zero does not check
}

// File is a whole deliverable.
type File struct {
	Layout    Layout
	Encoding  string
	Guessed   bool // the encoding was recognised without a BOM and is not UTF-8
	Delimiter rune
	Header    []string // as written
	Fields    []Field  // for each column what it was taken for, "" for none
	Line      int64    // of the header
	Rows      []Row
	Problems  []Problem
	errors    int
	index     map[Field]int // column of each field
}

// Importable reports whether the file has rows and no problem is an error.
func (f *File) Importable() bool { return len(f.Rows) > 0 && f.errors == 0 }

// Errors is the number of problems that are errors, listed or not.
func (f *File) Errors() int { return f.errors }

// Row is one line of the table.
type Row struct {
	Line   int64    // where it starts in the file, from 1
	Cells  []string // as written, in the order of Header
	Result Result
}

// Detect says whether the analyte was found.
type Detect string

// The verdicts.
const (
	DetectUnknown Detect = ""
	Detected      Detect = "yes"
	NotDetected   Detect = "no"
)

// CASState is the verdict on a CAS number.
type CASState string

// The verdicts.
const (
	CASAbsent   CASState = ""
	CASValid    CASState = "valid"
	CASBadCheck CASState = "bad_check_digit"
	CASPseudo   CASState = "pseudo" // a code of the laboratory or agency, such as "C-025" or "TPH"
)

// Figure is a number as reported.
type Figure struct {
	Text  string           // as written, "" when absent
	Value *decimal.Decimal // nil when absent or no number
}

// Date is a point in time as reported. Without ZoneStated it is in
// Options.Zone, or a clock reading in UTC when that is not known.
type Date struct {
	Text         string // as written; "" when absent
	sheet.Moment        // At is zero when absent or unreadable
}

// Result is one determination in neutral terms.
type Result struct {
	SampleID, SampleCode, LabSampleID string
	Location, Point                   string
	Matrix                            string // a word of the event format ("water", "soil" …); "" when not known
	MatrixText                        string
	Lab                               string
	COC                               string // custody form number

	Analyte, CAS, CASText string // CAS with hyphens, "" unless valid or of bad check digit
	CASState              CASState
	Method, MethodName    string
	Prep                  string
	Fraction, Basis       string // Basis is "wet", "dry" or as written

	Text      string // the result as reported; "" where the file leaves a non-detect blank
	Operator  string // "<", ">" or ""
	Value     *decimal.Decimal
	Unit      string // spelling of package unit, "" when not known
	UnitText  string
	Detection Detect

	// Qualifiers are the laboratory's, one each; Validation those that a
	// validator put on afterwards. The texts are as written.
	Qualifiers, Validation         []string
	QualifierText, ValidationText  string
	MDL, RL, Dilution, Uncertainty Figure
	CoverageK                      Figure

	Sampled, Received, Prepared, Analysed, Reported Date

	Batch, PrepBatch, Instrument string
	// QC is the laboratory's own control sample, "" for a real one
	// ("method_blank", "lcs", "matrix_spike" …, or as written).
	QC string
}

// Severity says whether a problem stops the import.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one finding about the file or a row, in both languages.
type Problem struct {
	Line     int64  // 0 for the file as a whole
	Column   string // header text, "" for the row as a whole
	Code     Code
	Severity Severity
	EN, ZH   string
}

// Code names one kind of problem. The codes are stable.
type Code string

// The codes.
const (
	EncodingGuessed    Code = "ENCODING_GUESSED"            // W
	EncodingBroken     Code = "ENCODING_BROKEN"             // E
	UnknownColumn      Code = "UNKNOWN_COLUMN"              // W: kept in Cells
	DuplicateColumn    Code = "DUPLICATE_COLUMN"            // E: two columns for one field
	UnclosedQuote      Code = "UNCLOSED_QUOTE"              // E
	ShortRow           Code = "SHORT_ROW"                   // E
	LongRow            Code = "LONG_ROW"                    // E
	Missing            Code = "MISSING_VALUE"               // E: sample, analyte, method, unit or result
	ResultUnreadable   Code = "RESULT_UNREADABLE"           // E
	NegativeResult     Code = "NEGATIVE_RESULT"             // W
	UnitUnknown        Code = "UNIT_UNKNOWN"                // E
	CASBad             Code = "CAS_CHECKDIGIT_BAD"          // W
	CASPseudoCode      Code = "CAS_PSEUDO"                  // W
	LimitUnreadable    Code = "LIMIT_UNREADABLE"            // E: MDL, RL, dilution, uncertainty
	MDLOverRL          Code = "MDL_OVER_RL"                 // W
	BelowMDL           Code = "RESULT_LT_MDL_NOT_QUALIFIED" // W
	NoLimit            Code = "NONDETECT_WITHOUT_LIMIT"     // W
	DetectConflict     Code = "DETECT_CONFLICT"             // W: flag, qualifier and result disagree
	QualifierUnknown   Code = "QUALIFIER_UNKNOWN"           // W
	MatrixUnknown      Code = "MATRIX_UNKNOWN"              // W
	DateImpossible     Code = "DATE_IMPOSSIBLE"             // E
	DateAmbiguous      Code = "DATE_AMBIGUOUS"              // E
	DateOrderMixed     Code = "DATE_ORDER_MIXED"            // E: month first and day first in one file
	DatesOutOfOrder    Code = "DATES_OUT_OF_ORDER"          // E: such as analysed before extracted
	DateInFuture       Code = "DATE_IN_FUTURE"              // E
	DuplicateRow       Code = "DUPLICATE_ROW"               // E: the same determination twice
	ConflictingRow     Code = "CONFLICTING_ROW"             // E: the same determination twice with another result
	NoRows             Code = "NO_ROWS"                     // E
	MoreProblemsFollow Code = "MORE_PROBLEMS"               // E: the list was cut
)
