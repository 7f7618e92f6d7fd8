package reading

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"fieldseal/sync/unit"
)

// header tries to read the lines so far as preamble and header of one format.
// It returns nil when text is not that format's header line.
type header func(preamble []string, text string, line int64, o *Options) (*table, error)

// spodUnits gives quantity and unit of the columns of an SPod export, as the
// EPA's own processing of these files names them (SENTINEL,
// sentinel_processing_code.R: ppb, mV, deg C, %, mbar, mph, deg, arb, 0-255, V,
// mA). The file itself states no unit.
var spodUnits = map[string][2]string{
	"temp": {"temperature", "Cel"}, "rhhumd": {"humidity", "%"}, "pressurembar": {"pressure", "hPa"},
	"wsspeed": {"wind_speed", "[mi_i]/h"}, "wsdirection": {"wind_direction", "deg"},
	"tctemp": {"sensor_temperature", "{arb}"}, "tcheatoutput": {"sensor_heater", "{arb}"}, "tcsetpoint": {"sensor_set_point", "{arb}"},
	"battvoltage": {"battery", "V"}, "chrgcurrent": {"charge_current", "mA"}, "runcurrent": {"run_current", "mA"},
	"trigcanisterstatus": {"canister_status", "1"}, "trigtrigvalue": {"trigger_value", "1"},
	"trigtrigactiveflag": {"trigger_active", "1"}, "trigtrigeventflag": {"trigger_event", "1"},
}

var (
	spodPPB    = regexp.MustCompile(`^pid(\d*)ppbcalc$`)
	spodMV     = regexp.MustCompile(`^pid(\d*)mvraw$`)
	spodDevice = regexp.MustCompile(`(?i)data export for device\s+([^,\s]{1,40})`)
	spodZone   = regexp.MustCompile(`GMT([+-]\d{4})`)
)

func spodHeader(preamble []string, text string, line int64, _ *Options) (*table, error) {
	heads, err := split(text, ',')
	if err != nil {
		return nil, nil
	}
	t := newTable(',', text, heads)
	for i, h := range heads {
		switch key(h) {
		case "utcdatetime":
			t.time = i
		case "localdatetime":
			t.local = i
		case "lat":
			t.lat = i
		case "long", "lon":
			t.lon = i
		}
	}
	if t.time < 0 || t.local < 0 {
		return nil, nil
	}
	t.clock, t.localClock = &clock{layouts: spodLayouts}, &clock{layouts: spodLayouts}
	t.instrument.Model = "SPod"
	for _, p := range preamble {
		if m := spodDevice.FindStringSubmatch(p); m != nil {
			t.instrument.Serial = m[1]
		}
		if m := spodZone.FindStringSubmatch(p); m != nil && t.statedZone == "" {
			t.statedZone = "GMT" + m[1]
		}
	}
	return t, t.takeChannels(heads, line, spodChannel)
}

func spodChannel(head string) Channel {
	k := key(head)
	c := Channel{Name: strings.TrimSpace(head)}
	switch q, ok := spodUnits[k]; {
	case ok:
		c.Quantity, c.Unit = q[0], q[1]
	case spodPPB.MatchString(k):
		c.Quantity, c.Unit = "voc", "[ppb]"
	case spodMV.MatchString(k):
		c.Quantity, c.Unit = "sensor_signal", "mV"
	}
	return c
}

func retigoHeader(_ []string, text string, line int64, _ *Options) (*table, error) {
	heads, err := split(text, ',')
	if err != nil || len(heads) < 2 {
		return nil, nil
	}
	t := newTable(',', text, heads)
	for i, h := range heads {
		name, zone := nameAndUnit(h)
		switch key(name) {
		case "timestamp":
			t.time, t.statedZone = i, zone
		case "eastlongitude":
			t.lon = i
		case "northlatitude":
			t.lat = i
		}
	}
	if t.time != 0 || t.lat < 0 || t.lon < 0 {
		return nil, nil
	}
	t.clock = &clock{layouts: isoLayouts}
	if strings.EqualFold(t.statedZone, "UTC") || strings.EqualFold(t.statedZone, "GMT") {
		t.headerUTC, t.zone, t.zoneFrom = true, time.UTC, ZoneHeader
	}
	return t, t.takeChannels(heads, line, channel)
}

// The usual names of the parts of a generic CSV, folded by key.
var (
	timeNames = []string{"time", "timestamp", "datetime", "时间", "采样时间", "监测时间"}
	latNames  = []string{"lat", "latitude", "纬度"}
	lonNames  = []string{"lon", "long", "lng", "longitude", "经度"}
)

func genericHeader(_ []string, text string, line int64, o *Options) (*table, error) {
	m := &o.Mapping
	delim := m.Delimiter
	if delim == 0 {
		delim = guessDelimiter(text)
	}
	heads, err := split(text, delim)
	if err != nil || len(heads) < 2 {
		return nil, nil
	}
	t := newTable(delim, text, heads)
	t.time = column(heads, m.TimeColumn, timeNames)
	if t.time < 0 {
		return nil, nil
	}
	t.lat, t.lon = column(heads, m.LatColumn, latNames), column(heads, m.LonColumn, lonNames)
	t.clock = mapped(m.TimeLayout)
	t.comma = m.DecimalComma
	t.missing = map[string]bool{}
	for _, s := range m.Missing {
		t.missing[s] = true
	}
	_, t.statedZone = nameAndUnit(heads[t.time])
	switch {
	case strings.EqualFold(t.statedZone, "UTC"):
		t.headerUTC, t.zone, t.zoneFrom = true, time.UTC, ZoneHeader
	case o.Zone != nil:
		t.zone, t.zoneFrom = o.Zone, ZoneAssumed
	}
	if len(m.Columns) == 0 {
		return t, t.takeChannels(heads, line, channel)
	}
	return t, t.takeMapped(heads, m.Columns)
}

// takeMapped takes the channels that the caller names.
func (t *table) takeMapped(heads []string, want []Channel) error {
	for _, c := range want {
		i := column(heads, c.Name, nil)
		if i < 0 {
			return fmt.Errorf("%w: the header has no column %.60q", ErrHeader, c.Name)
		}
		if t.channelOf[i] >= 0 || i == t.time {
			return fmt.Errorf("%w: the column %.60q is named twice", ErrHeader, c.Name)
		}
		if c.Unit != "" {
			u, ok := unit.Parse(c.Unit)
			if !ok {
				return fmt.Errorf("%w: the unit %.60q of column %.60q is not known", ErrHeader, c.Unit, c.Name)
			}
			c.Unit, c.UnitAsWritten = u.Code, c.Unit
		}
		t.channelOf[i] = len(t.channels)
		t.channels = append(t.channels, c)
	}
	return nil
}

// column finds a column by its header text, or by one of the usual names.
func column(heads []string, want string, usual []string) int {
	for i, h := range heads {
		name, _ := nameAndUnit(h)
		if want != "" {
			if strings.TrimSpace(h) == want || name == want {
				return i
			}
			continue
		}
		for _, u := range usual {
			if key(name) == u {
				return i
			}
		}
	}
	return -1
}

// guessDelimiter takes the mark that the line has most of.
func guessDelimiter(text string) rune {
	best, most := ',', strings.Count(text, ",")
	for _, d := range []rune{';', '\t'} {
		if n := strings.Count(text, string(d)); n > most {
			best, most = d, n
		}
	}
	return best
}
