package hj212

import (
	"fmt"
	"strings"
)

// Code names one kind of defect or notice. Codes are stable: reports and
// sealed payloads carry them.
type Code string

// The codes. Those marked notice do not make Parse refuse the frame.
const (
	BadLen            Code = "BAD_LEN"            // the declared length is unreadable or not that of the data
	BadCRC            Code = "BAD_CRC"            // the check field is absent or matches no known computation
	ModbusCRC         Code = "MODBUS_CRC"         // the check is CRC-16/MODBUS, plain or byte-swapped
	LowercaseCRC      Code = "LOWERCASE_CRC"      // notice: right but in lower case
	ShortCRC          Code = "SHORT_CRC"          // the check field lost its leading zeros
	BadTerminator     Code = "BAD_TERMINATOR"     // ends with LF or CR alone
	MissingTerminator Code = "MISSING_TERMINATOR" // the next frame or the end follows at once
	Overlong          Code = "OVERLONG"           // data over 1024 bytes
	MissingQN         Code = "MISSING_QN"         // no QN field
	BadQN             Code = "BAD_QN"             // QN is not a date and time of 17 digits
	MissingST         Code = "MISSING_ST"         // no ST field
	MissingCN         Code = "MISSING_CN"         // no CN field
	MissingMN         Code = "MISSING_MN"         // no MN field
	MissingPW         Code = "MISSING_PW"         // no PW field
	MNFormat          Code = "MN_FORMAT"          // notice: MN is not 24 hexadecimal digits
	MissingFlag       Code = "MISSING_FLAG"       // no Flag field
	BadFlag           Code = "BAD_FLAG"           // Flag is not 0 to 255
	BadPacketNumber   Code = "BAD_PACKET_NUMBER"  // PNUM/PNO absent though Flag promises them, or not 1 ≤ PNO ≤ PNUM
	MissingCP         Code = "MISSING_CP"         // no CP=&& area
	UnclosedCP        Code = "UNCLOSED_CP"        // the area does not end with &&
	TrailingData      Code = "TRAILING_DATA"      // bytes after the closing &&
	BadField          Code = "BAD_FIELD"          // a part without "=" or without a name
	DuplicateField    Code = "DUPLICATE_FIELD"    // a head field given twice; the first counts
	PaddedField       Code = "PADDED_FIELD"       // white space round a name or value; trimmed
	ControlCharacter  Code = "CONTROL_CHARACTER"  // a control character inside data
	BadDataTime       Code = "BAD_DATA_TIME"      // DataTime is not a date and time of 14 digits
	LongDataTime      Code = "LONG_DATA_TIME"     // notice: DataTime with milliseconds
	BadDataFlag       Code = "BAD_DATA_FLAG"      // a -Flag value outside the standard's letters
	BadNumber         Code = "BAD_NUMBER"         // a measured value that is not a decimal number
	OldCode           Code = "OLD_CODE"           // notice: a factor code of HJ/T 212-2005
	PrivateCode       Code = "PRIVATE_CODE"       // notice: a factor code in neither table
	MoreProblems      Code = "MORE_PROBLEMS"      // notice: the list was cut at its limit
)

// Notice reports whether the code is worth showing but within the standard or
// harmless, so that Parse accepts the frame.
func (c Code) Notice() bool {
	switch c {
	case LowercaseCRC, MNFormat, LongDataTime, OldCode, PrivateCode, MoreProblems:
		return true
	}
	return false
}

// Problem is one defect or notice about a frame.
type Problem struct {
	Code    Code
	Subject string // field or item name, "len", "crc" or "end"
	Text    string // what is so, in English
}

// maxProblems bounds the list of one frame: a hostile frame of 10 kB could
// otherwise carry some 3,000 private codes.
const maxProblems = 64

func (f *Frame) add(code Code, subject, format string, args ...any) {
	switch {
	case len(f.Problems) < maxProblems-1:
		f.Problems = append(f.Problems, Problem{code, subject, fmt.Sprintf(format, args...)})
	case len(f.Problems) == maxProblems-1:
		f.Problems = append(f.Problems, Problem{MoreProblems, "", "more problems follow that are not listed"})
	}
	if !code.Notice() {
		f.defects++
	}
}

// Has reports whether the frame has a problem of this code.
func (f *Frame) Has(code Code) bool {
	for _, p := range f.Problems {
		if p.Code == code {
			return true
		}
	}
	return false
}

// Defects is the number of problems that are not notices, listed or not.
func (f *Frame) Defects() int { return f.defects }

// FrameError is why Parse refused a frame. Frame holds what could be read.
type FrameError struct {
	Frame Frame
}

func (e *FrameError) Error() string {
	var parts []string
	for _, p := range e.Frame.Problems {
		if !p.Code.Notice() {
			parts = append(parts, string(p.Code)+": "+p.Text)
		}
	}
	return "HJ 212 frame refused: " + strings.Join(parts, "; ")
}
