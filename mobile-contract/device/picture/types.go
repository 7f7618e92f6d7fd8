package picture

import (
	"errors"
	"fmt"
	"time"
)

// Format is a picture's file format, by its first bytes.
type Format string

// The formats. Only JPEG and PNG can be decoded for a Hash.
const (
	JPEG    Format = "jpeg"
	PNG     Format = "png"
	HEIC    Format = "heic" // HEIF with HEVC, what iPhones write
	AVIF    Format = "avif"
	WebP    Format = "webp"
	GIF     Format = "gif"
	TIFF    Format = "tiff"
	Unknown Format = "unknown"
)

// MediaType is the media type of a format.
func (f Format) MediaType() string {
	if f == Unknown {
		return "application/octet-stream"
	}
	return "image/" + string(f)
}

// Code names one kind of problem or conflict. The codes are stable.
type Code string

// The codes.
const (
	Truncated       Code = "TRUNCATED"              // the file ends inside a structure
	BadStructure    Code = "BAD_STRUCTURE"          // the file's structure is broken
	DuplicateExif   Code = "DUPLICATE_EXIF"         // more than one EXIF block; the first counts
	BadExif         Code = "BAD_EXIF"               // the EXIF block is broken, in part or whole
	BadTag          Code = "BAD_TAG"                // a tag of a wrong type, count or place
	BadTime         Code = "BAD_TIME"               // a time that is no time
	BadPosition     Code = "BAD_POSITION"           // coordinates that are none
	NoHemisphere    Code = "NO_HEMISPHERE"          // coordinates without N/S or E/W: their sign is not known
	ZeroPosition    Code = "ZERO_POSITION"          // 0, 0: written by receivers without a fix
	GPSNoDate       Code = "GPS_NO_DATE"            // GPS time of day without a date
	BadText         Code = "BAD_TEXT"               // a text that is not UTF-8 or has control characters
	TimeConflict    Code = "EXIF_GPS_TIME_CONFLICT" // camera time and GPS time cannot both be of the exposure
	OffsetConflict  Code = "OFFSET_CONFLICT"        // the stated offset does not fit camera and GPS time
	SizeConflict    Code = "SIZE_CONFLICT"          // EXIF states another size: the picture was cropped or resized
	ModifiedLater   Code = "MODIFIED_LATER"         // EXIF says that the file was changed after the exposure
	DatumConflict   Code = "DATUM_NOT_WGS84"        // EXIF states a map datum other than WGS-84
	MagneticHeading Code = "MAGNETIC_HEADING"       // the image direction is from magnetic north
)

// Problem is one defect of the file, or one conflict within what it says.
type Problem struct {
	Code Code
	Text string // what is so, in English
}

// Picture is what a file says of itself.
type Picture struct {
	Format Format
	// Width and Height are those of the stored picture, before Orientation; 0
	// when not known.
	Width, Height int64
	Exif          *Exif // nil when there is none
	Problems      []Problem
	// Conflicts are statements that do not fit together.
	Conflicts []Problem
	cost      int64 // bytes that decoding takes, 0 when not known
}

// Exif is what the EXIF block says.
type Exif struct {
	Make, Model, Software string
	Orientation           int64 // 1 to 8; 0 when absent
	// PixelWidth and PixelHeight are the size that EXIF states; 0 when absent.
	PixelWidth, PixelHeight int64
	Original                Stamp // when the picture was taken
	Digitized               Stamp
	Modified                Stamp
	GPS                     *GPS
	// Thumbnail: an embedded thumbnail is there, at this place in the EXIF block.
	Thumbnail                        bool
	ThumbnailOffset, ThumbnailLength int64
}

// Stamp is a time as EXIF writes it.
type Stamp struct {
	Text   string // "2012:09:29 16:11:25"; "" when absent
	SubSec string // digits of the fraction, as written
	Offset string // "+08:00"; "" when not stated
}

// Clock is the clock reading, as if in UTC, with its fraction; false when
// there is none or it is no time.
func (s Stamp) Clock() (time.Time, bool) {
	t, err := time.Parse("2006:01:02 15:04:05", s.Text)
	if err != nil || t.Year() < 1 {
		return time.Time{}, false
	}
	nanos, unit := int64(0), int64(1e8)
	for _, c := range s.SubSec {
		if c < '0' || c > '9' {
			return t, true
		}
		nanos += int64(c-'0') * unit
		unit /= 10
	}
	return t.Add(time.Duration(nanos)), true
}

// At is the instant; false unless the offset is stated too.
func (s Stamp) At() (time.Time, bool) {
	t, ok := s.Clock()
	zone, err := time.Parse("-07:00", s.Offset)
	if !ok || err != nil {
		return time.Time{}, false
	}
	_, off := zone.Zone()
	return t.Add(-time.Duration(off) * time.Second).In(time.FixedZone("", off)), true
}

// Rat is a fraction as EXIF writes it.
type Rat struct {
	Num, Den int64
}

// GPS is what the GPS part of the EXIF block says.
type GPS struct {
	// LatE7 and LonE7 are degrees × 10^7, north and east positive; nil when
	// absent or unusable. Rounded: they are not exact.
	LatE7, LonE7 *int64
	Rounded      bool
	Lat, Lon     []Rat // as written: degrees, minutes, seconds
	AltMM        *int64
	// Time is the time of the fix in UTC; nil when absent, unreadable or without a date.
	Time *time.Time
	// DateText and TimeOfDay are as written; TimeOfDay is nil when absent.
	DateText  string
	TimeOfDay []Rat
	// ErrorMM is the horizontal positioning error.
	ErrorMM *int64
	Datum   string // map datum text, such as "WGS-84"; "" when not stated
	// DirectionCDeg is where the camera looked, hundredths of a degree; from true
	// north unless DirectionRef is "M".
	DirectionCDeg *int64
	DirectionRef  string
	Status        string // "A" measured, "V" void
	Method        string // processing method: "GPS", "NETWORK" …
}

var (
	// ErrFormat: the file is no picture that this package knows.
	ErrFormat = errors.New("not a known picture format")
	// ErrNoDecoder: the format is known but cannot be decoded here.
	ErrNoDecoder = errors.New("no decoder for this picture format")
	// ErrTooLarge: decoding would take more than MaxDecoded bytes.
	ErrTooLarge = errors.New("picture too large to decode")
	// ErrDecode: the picture data is broken.
	ErrDecode = errors.New("picture cannot be decoded")
)

func (p *Picture) problem(code Code, format string, args ...any) {
	if len(p.Problems) < maxProblems {
		p.Problems = append(p.Problems, Problem{code, fmt.Sprintf(format, args...)})
	}
}

func (p *Picture) conflict(code Code, format string, args ...any) {
	p.Conflicts = append(p.Conflicts, Problem{code, fmt.Sprintf(format, args...)})
}

// maxProblems bounds the list; a hostile EXIF block has a few hundred tags.
const maxProblems = 32
