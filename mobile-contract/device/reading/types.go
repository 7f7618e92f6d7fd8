package reading

import (
	"time"

	"fieldseal/sync/decimal"
)

// Format names the form of the input. The names are stable: sealed payloads
// carry them.
type Format string

// The formats.
const (
	SPod    Format = "spod-csv"
	Retigo  Format = "retigo-csv"
	Generic Format = "generic-csv"
	NDJSON  Format = "ndjson"
	HJ212   Format = "hj212"
)

// Channel is one quantity of a series.
type Channel struct {
	Name          string // as in the source
	Quantity      string // neutral name ("voc", "temperature" …); the code for hj212; "" when not known
	Unit          string // in the spelling of package unit; "" when not stated or not known
	UnitAsWritten string // as in the source
	Label         bool   // carries text (a run name), not figures
}

// Instrument is what the input says of the instrument; each may be "".
type Instrument struct {
	Make, Model, Serial, Firmware string
}

// Series is what is known before the first row.
type Series struct {
	Format     Format
	Instrument Instrument
	Channels   []Channel
	Preamble   []byte // exact bytes before the first row: BOM, preamble, header
	// PeriodMS and AveragingMS are sampling period and averaging time; 0 when not stated.
	PeriodMS, AveragingMS int64
	// Zone is what the preamble or header says of the zone ("UTC", "GMT-0400"), "" when nothing.
	Zone     string
	Warnings []Warning // about the preamble and header
}

// Code names one kind of oddity. The codes are stable: sealed payloads carry
// them. For hj212, the codes of that package occur too.
type Code string

// The codes. Those marked once are reported on the first row they hold for and
// then only counted, see Reader.Counts.
const (
	NoHeader       Code = "NO_HEADER"         // ndjson: the series was not described; names taken from the first reading
	UnknownUnit    Code = "UNKNOWN_UNIT"      // a unit that package unit does not know; kept as written
	ShortRow       Code = "SHORT_ROW"         // fewer cells than the header: no figure is taken from it
	LongRow        Code = "LONG_ROW"          // more cells than the header: no figure is taken from it
	BlankLine      Code = "BLANK_LINE"        // nothing but white space
	CommentLine    Code = "COMMENT_LINE"      // starts with #
	HeaderRepeated Code = "HEADER_REPEATED"   // the header line again: the instrument restarted
	LongLine       Code = "LONG_LINE"         // over MaxLine; comes in pieces
	BadBytes       Code = "BAD_BYTES"         // not UTF-8, or control characters
	BadLine        Code = "BAD_LINE"          // ndjson: not a reading
	NoLineEnd      Code = "NO_LINE_END"       // the input ends inside the line: its last figure may be cut
	BadTime        Code = "BAD_TIME"          // the time cannot be read
	TimeBackwards  Code = "TIME_BACKWARDS"    // earlier than the row before
	ZoneConflict   Code = "ZONE_CONFLICT"     // once: the header says one zone, the value carries another; the value counts
	ZoneChanged    Code = "ZONE_CHANGED"      // the offset is not that of the row before
	ZoneMismatch   Code = "ZONE_MISMATCH"     // UTC and local time differ by no possible offset; UTC counts
	NoZone         Code = "NO_ZONE"           // once: neither value nor header nor caller states a zone
	MinuteTimes    Code = "MINUTE_TIMES"      // once: times are cut to the minute
	BadValue       Code = "BAD_VALUE"         // a figure that cannot be read
	UnknownChannel Code = "UNKNOWN_CHANNEL"   // ndjson: a name that is no channel; it stays in Raw
	NewChannel     Code = "NEW_CHANNEL"       // hj212: a factor that the series did not have before
	NoPosition     Code = "NO_POSITION"       // once: latitude and longitude are both zero
	BadPosition    Code = "BAD_POSITION"      // unreadable or impossible coordinates
	NotAFrame      Code = "NOT_A_FRAME"       // hj212: bytes between frames
	NotData        Code = "NOT_DATA"          // hj212: a frame that carries no figures
	FrameCheck     Code = "FRAME_CHECK"       // hj212: length or check wrong: no figure is taken from it
	SumTooLong     Code = "SUM_TOO_LONG"      // segment: the exact sum has more digits than a decimal holds
	TooManyCodes   Code = "TOO_MANY_CHANNELS" // over MaxChannels; the rest stays in Raw
)

// Warning is one oddity.
type Warning struct {
	Line int64 // physical line (hj212: chunk) from 1
	Code Code
	Text string // what is so, in English
}

// State says what a Value is.
type State uint8

// The states.
const (
	Missing  State = iota // no figure; see Reason
	Measured              // Number holds the figure
	Label                 // Text holds a label
)

// Reason says why a figure is missing.
type Reason string

// The reasons.
const (
	Empty      Reason = "empty"        // an empty cell
	Sentinel   Reason = "sentinel"     // a mark for missing, such as -9999 or NA
	NotANumber Reason = "not_a_number" // anything else that is not a decimal number
	OverScale  Reason = "over_range"   // the instrument wrote a mark for over-range (OL, OVER)
	RowShape   Reason = "row_shape"    // the row is short, over-long or unreadable
	NotInRow   Reason = "not_in_row"   // the row does not name the channel
	Flagged    Reason = "flagged"      // the station's data flag says that the figure is no measurement
	BadFrame   Reason = "frame_check"  // the frame failed its check
)

// Value is one cell.
type Value struct {
	State  State
	Number decimal.Decimal // when Measured
	Text   string          // as written, "" when absent
	Reason Reason          // when Missing
	Flag   string          // the station's data flag (hj212), "" otherwise
	Over   bool            // the source itself says over-range (flag T, OL)
}

// Zone says where a row's zone came from, best first.
type Zone string

// Where zones come from.
const (
	ZoneValue   Zone = "value"   // the value carries an offset
	ZonePair    Zone = "pair"    // a UTC and a local time stand side by side
	ZoneHeader  Zone = "header"  // the header states it
	ZoneAssumed Zone = "assumed" // the caller or the protocol's custom says so
	ZoneNone    Zone = "none"    // not known: At is the clock reading, for order only
)

// Time is when a row was measured.
type Time struct {
	At         time.Time     // with its offset; zero when the row has no readable time
	Text       string        // as written
	Resolution time.Duration // of the text: a minute, a second, a fraction; 0 without a time
	Zone       Zone
	// Ordinal counts rows of one time text from 0: many rows share a minute.
	Ordinal int
}

// Position is where a row was measured, in the source's own datum (GPS
// receivers: WGS-84), degrees × 10^7, north and east positive.
type Position struct {
	LatE7, LonE7 int64
	// Rounded: the source had more than seven decimals; half to even.
	Rounded bool
}

// Row is one line or frame of the input.
type Row struct {
	N        int64  // from 1
	Line     int64  // physical line (hj212: chunk) from 1
	Offset   int64  // of Raw in the input
	Raw      []byte // exact bytes, line end included; the caller may keep it
	Time     Time
	Values   []Value // one for each channel; nil when the row is no reading
	Position *Position
	Warnings []Warning
}

const (
	// MaxLine is the longest line read as one row. The longest real row here has
	// some 120 bytes, an HJ 212 frame at most 10,011.
	MaxLine = 32 << 10
	// MaxPreamble bounds the search for a header, in bytes and lines.
	MaxPreamble      = 64 << 10
	MaxPreambleLines = 64
	// MaxChannels is the most columns a series may have (the event format's limit).
	MaxChannels = 256
)
