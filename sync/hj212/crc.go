package hj212

import (
	"fmt"
	"strconv"
)

// polynomial is the reflected CRC-16 polynomial that the standard and MODBUS
// share; they differ in how a byte enters the register.
const polynomial = 0xA001

// CRC is the check of the standard (its annex A). It is not CRC-16/MODBUS: at
// each byte the low half of the register is thrown away.
func CRC(data []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range data {
		crc = shift8(crc>>8 ^ uint16(b))
	}
	return crc
}

// modbusCRC is CRC-16/MODBUS, which some stations compute by mistake.
func modbusCRC(data []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range data {
		crc = shift8(crc ^ uint16(b))
	}
	return crc
}

func shift8(crc uint16) uint16 {
	for range 8 {
		odd := crc & 1
		crc >>= 1
		if odd != 0 {
			crc ^= polynomial
		}
	}
	return crc
}

// checkCRC lists what is wrong with the check field given for data.
func (f *Frame) checkCRC(given string) {
	f.CRCGiven = given
	f.CRCComputed = CRC(f.Data)
	v, err := strconv.ParseUint(given, 16, 16)
	if given == "" || err != nil {
		f.add(BadCRC, "crc", "there is no check field; computed %04X", f.CRCComputed)
		return
	}
	if len(given) < 4 {
		f.add(ShortCRC, "crc", "the check field %q has %d of 4 digits", given, len(given))
	}
	for _, c := range given {
		if c >= 'a' && c <= 'f' {
			f.add(LowercaseCRC, "crc", "the check field %q is in lower case", given)
			break
		}
	}
	m := modbusCRC(f.Data)
	switch crc := uint16(v); crc {
	case f.CRCComputed:
	case m:
		f.add(ModbusCRC, "crc", "the check field %q is the MODBUS check, not that of the standard (%04X)", given, f.CRCComputed)
	case m<<8 | m>>8:
		f.add(ModbusCRC, "crc", "the check field %q is the MODBUS check with its bytes swapped, not that of the standard (%04X)", given, f.CRCComputed)
	default:
		f.add(BadCRC, "crc", "the check field is %q, computed %04X: the bytes changed on the way or the station computes it wrongly", given, f.CRCComputed)
	}
}

func hexCRC(crc uint16) string { return fmt.Sprintf("%04X", crc) }
