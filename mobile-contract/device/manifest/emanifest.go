package manifest

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/decimal"
	"fieldseal/sync/unit"
)

// The parts of an e-Manifest that are read. Members that are not listed stay in
// the file, which is kept as the evidence.
type emanifest struct {
	Number       string    `json:"manifestTrackingNumber"`
	Status       string    `json:"status"`
	Submission   string    `json:"submissionType"`
	Shipped      string    `json:"shippedDate"`
	Received     string    `json:"receivedDate"`
	Certified    string    `json:"certifiedDate"`
	Generator    *handler  `json:"generator"`
	Transporters []handler `json:"transporters"`
	Facility     *handler  `json:"designatedFacility"`
	Broker       *handler  `json:"broker"`
	Wastes       []waste   `json:"wastes"`
}

type handler struct {
	ID      string `json:"epaSiteId"`
	Name    string `json:"name"`
	Order   int    `json:"order"`
	Contact struct {
		Phone struct {
			Number string `json:"number"`
		} `json:"phone"`
	} `json:"contact"`
}

type code struct {
	Code        string `json:"code"`
	Description string `json:"description"`
}

type waste struct {
	Line         int    `json:"lineNumber"`
	DOTHazardous bool   `json:"dotHazardous"`
	EPAWaste     bool   `json:"epaWaste"`
	Description  string `json:"wasteDescription"`
	DOT          struct {
		Printed string `json:"printedDotInformation"`
	} `json:"dotInformation"`
	Quantity struct {
		Containers    jsontext.Value `json:"containerNumber"`
		ContainerType code           `json:"containerType"`
		Quantity      jsontext.Value `json:"quantity"`
		Unit          code           `json:"unitOfMeasurement"`
		Density       jsontext.Value `json:"density"`
		DensityUnit   code           `json:"densityUnitOfMeasurement"`
	} `json:"quantity"`
	Hazardous struct {
		Federal   []code `json:"federalWasteCodes"`
		Facility  []code `json:"tsdfStateWasteCodes"`
		Generator []code `json:"generatorStateWasteCodes"`
	} `json:"hazardousWaste"`
}

// unitCodes are the units of measure of the manifest form.
var unitCodes = map[string]string{"P": "[lb_av]", "T": "[ston_av]", "K": "kg", "M": "t", "G": "[gal_us]", "L": "L", "Y": "[cyd_i]", "N": "m3"}

// containerCodes are the container types of the manifest form.
var containerCodes = map[string]string{
	"BA": "Burlap, cloth, paper, or plastic bags", "DT": "Dump truck", "CF": "Fiber or plastic boxes, cartons, cases", "DW": "Wooden drums, barrels, kegs",
	"CM": "Metal boxes, cartons, cases (including roll offs)", "HG": "Hopper or gondola cars", "CW": "Wooden boxes, cartons, cases", "TC": "Tank cars",
	"CY": "Cylinders", "TP": "Portable tanks", "DF": "Fiberboard or plastic drums, barrels, kegs", "TT": "Cargo tanks (tank trucks)", "DM": "Metal drums, barrels, kegs",
}

// ParseJSON reads one manifest or a list of them. The error is ErrTooLarge,
// ErrSyntax or that of the reader.
func ParseJSON(r io.Reader) (*File, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var ms []emanifest
	if jsontext.Value(bytes.TrimSpace(b)).Kind() == '[' {
		err = json.Unmarshal(b, &ms)
	} else {
		ms = make([]emanifest, 1)
		err = json.Unmarshal(b, &ms[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if len(ms) > MaxDocuments {
		return nil, fmt.Errorf("%w: over %d manifests", ErrTooLarge, MaxDocuments)
	}
	f := &File{}
	for i := range ms {
		if ms[i].Generator == nil && len(ms[i].Wastes) == 0 {
			return nil, fmt.Errorf("%w: it names no generator and no waste", ErrSyntax)
		}
		f.Documents = append(f.Documents, f.manifest(&ms[i]))
	}
	return f, nil
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: over %d bytes", ErrTooLarge, MaxBytes)
	}
	return b, nil
}

func (f *File) manifest(m *emanifest) Document {
	d := Document{Kind: EManifest, Number: m.Number, Status: m.Status, Submission: m.Submission}
	add := func(role Role, h *handler) {
		if h != nil {
			d.Parties = append(d.Parties, Party{Role: role, ID: h.ID, Name: h.Name, Order: h.Order, Phone: h.Contact.Phone.Number})
		}
	}
	add(Generator, m.Generator)
	for i := range m.Transporters {
		add(Transporter, &m.Transporters[i])
	}
	add(Facility, m.Facility)
	add(Broker, m.Broker)
	for i := range m.Wastes {
		d.Quantities = append(d.Quantities, f.waste(&m.Wastes[i], i+1))
	}
	for _, t := range []struct {
		name, text string
		to         *sheet.Moment
	}{{"shippedDate", m.Shipped, &d.Shipped}, {"receivedDate", m.Received, &d.Received}, {"certifiedDate", m.Certified, &d.Certified}} {
		if t.text == "" {
			continue
		}
		at, err := sheet.ParseDate(t.text, sheet.OrderUnknown, nil)
		if err != nil {
			f.problem(0, t.name, BadDate, Error, fmt.Sprintf("%.40q is no date", t.text), fmt.Sprintf("“%.40s”不是有效日期", t.text))
		}
		*t.to = at
	}
	return d
}

func (f *File) waste(w *waste, n int) Quantity {
	q := Quantity{Line: w.Line, Waste: w.Description, Hazardous: w.DOTHazardous || w.EPAWaste, ContainerCode: w.Quantity.ContainerType.Code}
	if q.Line == 0 {
		q.Line = n
	}
	if q.Waste == "" {
		q.Waste = w.DOT.Printed
	}
	for _, list := range [][]code{w.Hazardous.Federal, w.Hazardous.Facility, w.Hazardous.Generator} {
		for _, c := range list {
			q.WasteCodes = append(q.WasteCodes, c.Code)
		}
	}
	line := int64(q.Line)
	if q.ContainerCode != "" {
		var ok bool
		if q.ContainerType, ok = containerCodes[q.ContainerCode]; !ok {
			q.ContainerType = w.Quantity.ContainerType.Description
			f.problem(line, "containerType", ContainerCode, Warning, fmt.Sprintf("the container code %.20q is not one of the form", q.ContainerCode), fmt.Sprintf("容器代码“%.20s”不在表单代码之列", q.ContainerCode))
		}
	}
	if c, _ := f.jsonNumber(line, "containerNumber", w.Quantity.Containers); c != nil {
		if r, err := c.Rescale(0); err == nil {
			q.Containers = &r.N
		} else {
			f.badNumber(line, "containerNumber", c.String())
		}
	}
	q.Amount, q.AmountText = f.jsonNumber(line, "quantity", w.Quantity.Quantity)
	q.UnitText = w.Quantity.Unit.Code
	if q.Amount == nil {
		f.problem(line, "quantity", NoQuantity, Warning, "the line states no quantity", "该行未注明数量")
		return q
	}
	q.Unit = unitCodes[q.UnitText]
	if q.Unit == "" {
		f.unknownUnit(line, "unitOfMeasurement", q.UnitText)
		return q
	}
	density, _ := f.jsonNumber(line, "density", w.Quantity.Density)
	q.mass(density, w.Quantity.DensityUnit.Code)
	return q
}

// jsonNumber reads a JSON number (or a string with one) exactly.
func (f *File) jsonNumber(line int64, name string, v jsontext.Value) (*decimal.Decimal, string) {
	text := strings.TrimSpace(string(v))
	if v.Kind() == '"' {
		var s string
		if json.Unmarshal(v, &s) == nil {
			text = strings.TrimSpace(s)
		}
	}
	if text == "" || text == "null" {
		return nil, ""
	}
	d, err := decimal.ParseScientific(text)
	if err != nil || d.Sign() < 0 {
		f.badNumber(line, name, text)
		return nil, text
	}
	return &d, text
}

func (f *File) badNumber(line int64, where, text string) {
	f.problem(line, where, BadNumber, Error, fmt.Sprintf("%s is %.40q, not a number that can stand there", where, text), fmt.Sprintf("%s为“%.40s”，不是有效数值", where, text))
}

func (f *File) unknownUnit(line int64, where, text string) {
	if text == "" {
		f.problem(line, where, MissingValue, Error, "a quantity without a unit", "数量缺少单位")
		return
	}
	f.problem(line, where, UnitUnknown, Error, fmt.Sprintf("the unit %.40q is not known", text), fmt.Sprintf("未识别的单位“%.40s”", text))
}

// mass sets MassKG from the amount: a mass by conversion, a volume by the
// density. Density codes of the form: 1 pounds per US gallon, 2 specific
// gravity (kilograms per litre).
func (q *Quantity) mass(density *decimal.Decimal, densityCode string) {
	from, _ := unit.ByCode(q.Unit)
	kg, _ := unit.ByCode("kg")
	if from.Kind == unit.Mass {
		if m, exact, err := unit.Convert(*q.Amount, from, kg); err == nil {
			q.MassKG, q.MassExact, q.MassBasis = &m, exact, MassStated
		}
		return
	}
	per, of := "L", "kg"
	if densityCode == "1" {
		per, of = "[gal_us]", "[lb_av]"
	}
	if density == nil || density.Sign() == 0 || densityCode != "1" && densityCode != "2" {
		return
	}
	volume, _ := unit.ByCode(per)
	mass, _ := unit.ByCode(of)
	v, exactV, err := unit.Convert(*q.Amount, from, volume)
	if err != nil {
		return
	}
	m, err := v.Mul(*density)
	if err != nil {
		return
	}
	if m, exactM, err := unit.Convert(m, mass, kg); err == nil {
		q.MassKG, q.MassExact, q.MassBasis = &m, exactV && exactM, MassDensity
	}
}
