package manifest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/decimal"
	"fieldseal/sync/unit"
)

// waybills is the state of reading one table.
type waybills struct {
	f      *File
	o      Options
	order  sheet.Order
	header []string
	index  map[field]int
	docs   map[string]int // waybill number to index in Documents
	seen   map[string]int64
	cells  []string
	line   int64
}

// ParseWaybills reads a table of waybills and points, see the package comment.
// The error is ErrTooLarge, ErrNoTable, one of package sheet or of the reader.
func ParseWaybills(r io.Reader, o Options) (*File, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, err
	}
	t, err := sheet.Decode(b, o.Encoding)
	if err != nil {
		return nil, err
	}
	f := &File{Encoding: t.Encoding}
	if t.Guessed {
		f.problem(0, "", EncodingGuessed, Warning, fmt.Sprintf("the file does not state its encoding; it was read as %s", t.Encoding), fmt.Sprintf("文件未注明编码，已按 %s 读取", t.Encoding))
	}
	if t.Broken {
		f.problem(0, "", EncodingBroken, Error, fmt.Sprintf("the file has bytes that are no text in %s", t.Encoding), fmt.Sprintf("文件含有不属于 %s 编码的字节", t.Encoding))
	}
	w := &waybills{f: f, o: o, index: map[field]int{}, docs: map[string]int{}, seen: map[string]int64{}}
	delim, first, err := w.findHeader(t.Body)
	if err != nil {
		return nil, err
	}
	w.order = w.dateOrder(t.Body, delim)
	c := sheet.Reader(t.Body, delim)
	for {
		cells, err := c.Read()
		if err == io.EOF {
			break
		}
		line, _ := c.FieldPos(0)
		if err != nil {
			f.problem(int64(line), "", RowShape, Error, fmt.Sprintf("the line cannot be read: %v", err), "该行无法读取，请检查引号")
			break
		}
		if int64(line) <= first || sheet.Blank(cells) {
			continue
		}
		w.cells, w.line = cells, int64(line)
		if err := w.row(); err != nil {
			return nil, err
		}
	}
	w.checkRoutes()
	return f, nil
}

func (w *waybills) findHeader(text string) (delim rune, line int64, err error) {
	best := 0
	var fields []field
	for _, d := range []rune{',', '\t', ';'} {
		c := sheet.Reader(text, d)
		for range maxHeaderRecords {
			cells, err := c.Read()
			if err != nil {
				break
			}
			if fs, n := header(cells); n > best {
				at, _ := c.FieldPos(0)
				best, delim, line, fields, w.header = n, d, int64(at), fs, cells
			}
		}
	}
	if best == 0 {
		return 0, 0, fmt.Errorf("%w: no line among the first %d names a waybill number; the column is called waybill_no or 运单号", ErrNoTable, maxHeaderRecords)
	}
	for i, fd := range fields {
		name := w.header[i]
		if fd == "" {
			if strings.TrimSpace(name) != "" {
				w.f.problem(0, name, UnknownColumn, Warning, fmt.Sprintf("the column %.60q is not known and not used", name), fmt.Sprintf("未识别的列“%.60s”，不使用", name))
			}
			continue
		}
		if old, twice := w.index[fd]; twice {
			w.f.problem(0, name, DuplicateColumn, Error, fmt.Sprintf("the columns %.60q and %.60q mean the same", w.header[old], name), fmt.Sprintf("列“%.60s”与“%.60s”含义相同", w.header[old], name))
			continue
		}
		w.index[fd] = i
	}
	return delim, line, nil
}

// dateOrder is the caller's word, or what the dates of the file prove.
func (w *waybills) dateOrder(text string, delim rune) sheet.Order {
	if w.o.Dates != sheet.OrderUnknown {
		return w.o.Dates
	}
	c := sheet.Reader(text, delim)
	found := map[sheet.Order]bool{}
	for {
		cells, err := c.Read()
		if err != nil {
			break
		}
		w.cells = cells
		for _, f := range []field{"time", "load_time", "tip_time"} {
			found[sheet.OrderOf(w.cell(f))] = true
		}
	}
	if found[sheet.MonthFirst] != found[sheet.DayFirst] {
		if found[sheet.MonthFirst] {
			return sheet.MonthFirst
		}
		return sheet.DayFirst
	}
	return sheet.OrderUnknown
}

// cell is the cell of a field without outer blanks; "" when it says nothing.
func (w *waybills) cell(f field) string {
	i, ok := w.index[f]
	if !ok || i >= len(w.cells) || sheet.Absent(w.cells[i]) {
		return ""
	}
	return strings.TrimSpace(w.cells[i])
}

func (w *waybills) name(f field) string {
	if i, ok := w.index[f]; ok {
		return strings.TrimSpace(w.header[i])
	}
	return string(f)
}

func (w *waybills) problem(f field, code Code, s Severity, en, zh string) {
	w.f.problem(w.line, w.name(f), code, s, en, zh)
}

// row reads the row at hand; an error is only ErrTooLarge.
func (w *waybills) row() error {
	n := len(w.cells)
	for n > len(w.header) && strings.TrimSpace(w.cells[n-1]) == "" {
		n--
	}
	if n != len(w.header) || sheet.Swallowed(w.cells) {
		w.f.problem(w.line, "", RowShape, Error, fmt.Sprintf("%d cells where the header has %d, or a quote that is not closed", n, len(w.header)), fmt.Sprintf("该行有 %d 个单元格，表头有 %d 个，或引号未闭合", n, len(w.header)))
		return nil
	}
	key := strings.Join(w.cells, "\x00")
	if first, twice := w.seen[key]; twice {
		w.f.problem(w.line, "", DuplicateRow, Error, fmt.Sprintf("the same row as line %d", first), fmt.Sprintf("与第 %d 行相同", first))
		return nil
	}
	w.seen[key] = w.line
	number := w.cell("waybill_no")
	if number == "" {
		w.problem("waybill_no", MissingValue, Error, "the row has no waybill number", "该行缺少运单号")
		return nil
	}
	d, err := w.document(number)
	if err != nil {
		return err
	}
	switch strings.ToLower(w.cell("record")) {
	case "", "waybill", "运单":
		w.parties(d)
		w.quantity(d)
		if err := w.point(d, Load, "load_"); err != nil {
			return err
		}
		return w.point(d, Tip, "tip_")
	case "point", "轨迹点", "轨迹":
		kind, ok := pointKinds[strings.ToLower(w.cell("kind"))]
		if !ok {
			w.problem("kind", UnknownKind, Error, fmt.Sprintf("the point is of kind %.40q, not load, way or tip", w.cell("kind")), fmt.Sprintf("点类型“%.40s”不是装货、途经或卸货", w.cell("kind")))
			return nil
		}
		return w.point(d, kind, "")
	}
	w.problem("record", UnknownKind, Error, fmt.Sprintf("the row is of type %.40q, neither waybill nor point", w.cell("record")), fmt.Sprintf("记录类型“%.40s”既不是运单也不是轨迹点", w.cell("record")))
	return nil
}

var pointKinds = map[string]PointKind{"": Way, "way": Way, "途经": Way, "load": Load, "装货": Load, "tip": Tip, "unload": Tip, "卸货": Tip, "倾倒": Tip}

func (w *waybills) document(number string) (*Document, error) {
	i, ok := w.docs[number]
	if !ok {
		if len(w.f.Documents) >= MaxDocuments {
			return nil, fmt.Errorf("%w: over %d waybills", ErrTooLarge, MaxDocuments)
		}
		i = len(w.f.Documents)
		w.docs[number] = i
		w.f.Documents = append(w.f.Documents, Document{Kind: Waybill, Number: number, Line: w.line})
	}
	return &w.f.Documents[i], nil
}

// parties takes plate and parties; a second row of one waybill must agree.
func (w *waybills) parties(d *Document) {
	if p := strings.ToUpper(w.cell("plate")); p != "" {
		if d.Plate != "" && d.Plate != p {
			w.problem("plate", Conflicting, Error, fmt.Sprintf("the waybill %s has the plates %s and %s", d.Number, d.Plate, p), fmt.Sprintf("运单 %s 有两个车牌：%s 和 %s", d.Number, d.Plate, p))
		} else {
			d.Plate = p
		}
	}
	for _, x := range []struct {
		role     Role
		id, name field
	}{{Shipper, "shipper_id", "shipper"}, {Carrier, "carrier_id", "carrier"}, {Consignee, "consignee_id", "consignee"}, {Driver, "", "driver"}} {
		p := Party{Role: x.role, ID: w.cell(x.id), Name: w.cell(x.name)}
		if p.ID == "" && p.Name == "" {
			continue
		}
		old := partyOf(d, x.role)
		switch {
		case old == nil:
			d.Parties = append(d.Parties, p)
		case *old != p:
			w.problem(x.name, Conflicting, Error, fmt.Sprintf("the waybill %s names two as %s: %s and %s", d.Number, x.role, old.Name, p.Name), fmt.Sprintf("运单 %s 的%s不一致：%s 和 %s", d.Number, w.name(x.name), old.Name, p.Name))
		}
	}
}

func partyOf(d *Document, role Role) *Party {
	for i := range d.Parties {
		if d.Parties[i].Role == role {
			return &d.Parties[i]
		}
	}
	return nil
}

// number reads a cell that may not be negative.
func (w *waybills) number(f field) *decimal.Decimal {
	text := w.cell(f)
	if text == "" {
		return nil
	}
	d, err := decimal.ParseScientific(text)
	if err != nil || d.Sign() < 0 {
		w.f.badNumber(w.line, w.name(f), text)
		return nil
	}
	return &d
}

// weight reads a weighed mass in kilograms, or in the unit that stands in
// brackets behind the column's name.
func (w *waybills) weight(f field) *decimal.Decimal {
	d := w.number(f)
	u := bracketed(w.name(f))
	if d == nil || u == "" {
		return d
	}
	from, ok := unit.Parse(u)
	kg, _ := unit.ByCode("kg")
	m, exact, err := unit.Convert(*d, from, kg)
	if !ok || err != nil || !exact {
		w.problem(f, UnitUnknown, Error, fmt.Sprintf("the unit %.40q is no unit of mass that converts exactly", u), fmt.Sprintf("“%.40s”不是可精确换算的质量单位", u))
		return nil
	}
	return &m
}

func (w *waybills) quantity(d *Document) {
	q := Quantity{Line: len(d.Quantities) + 1, Waste: w.cell("waste"), ContainerType: w.cell("container_type"), WeighbridgeNo: w.cell("weighbridge_no"), AmountText: w.cell("quantity")}
	if c := w.cell("waste_code"); c != "" {
		q.WasteCodes = strings.FieldsFunc(c, func(r rune) bool { return strings.ContainsRune(",;、 /", r) })
		q.Hazardous = true
	}
	if c := w.number("containers"); c != nil {
		if r, err := c.Rescale(0); err == nil {
			q.Containers = &r.N
		} else {
			w.f.badNumber(w.line, w.name("containers"), c.String())
		}
	}
	q.GrossKG, q.TareKG, q.NetKG = w.weight("gross"), w.weight("tare"), w.weight("net")
	q.Amount = w.number("quantity")
	if q.Amount != nil {
		w.amount(&q)
	}
	w.weighed(&q)
	if q.Amount == nil && q.MassKG == nil && q.Containers == nil {
		w.problem("quantity", NoQuantity, Warning, "the row states no quantity", "该行未注明数量")
	}
	d.Quantities = append(d.Quantities, q)
}

func (w *waybills) amount(q *Quantity) {
	if q.UnitText = w.cell("unit"); q.UnitText == "" {
		q.UnitText = bracketed(w.name("quantity"))
	}
	u, ok := unit.Parse(q.UnitText)
	if !ok {
		w.f.unknownUnit(w.line, w.name("unit"), q.UnitText)
		return
	}
	q.Unit = u.Code
	q.mass(nil, "")
}

// weighed prefers the scale's word over the quantity stated.
func (w *waybills) weighed(q *Quantity) {
	net := q.NetKG
	if q.GrossKG != nil && q.TareKG != nil {
		diff, err := q.GrossKG.Sub(*q.TareKG)
		if err != nil || diff.Sign() < 0 || net != nil && net.Cmp(diff) != 0 {
			w.problem("net", NetMismatch, Error, fmt.Sprintf("gross %s less tare %s is not the net weight", q.GrossKG, q.TareKG), fmt.Sprintf("毛重 %s 减皮重 %s 与净重不符", q.GrossKG, q.TareKG))
			return
		}
		net = &diff
	}
	if net != nil {
		q.MassKG, q.MassExact, q.MassBasis = net, true, MassScale
	}
}

// point reads a point from the columns with the given prefix.
func (w *waybills) point(d *Document, kind PointKind, prefix string) error {
	p := Point{Kind: kind, Place: w.cell(field(prefix + "place")), TimeText: w.cell(field(prefix + "time")), Line: w.line}
	lat, lon := w.cell(field(prefix+"lat")), w.cell(field(prefix+"lon"))
	if p.Place == "" && p.TimeText == "" && lat == "" && lon == "" {
		return nil
	}
	if p.TimeText != "" {
		at, err := sheet.ParseDate(p.TimeText, w.order, w.o.Zone)
		if err != nil {
			code := BadDate
			if errors.Is(err, sheet.ErrAmbiguous) {
				code = DateAmbiguous
			}
			w.problem(field(prefix+"time"), code, Error, fmt.Sprintf("the time cannot be read: %v", err), fmt.Sprintf("时间“%.40s”无法读取或月日顺序不明", p.TimeText))
		}
		p.Time = at
	}
	if lat != "" || lon != "" {
		w.position(&p, prefix, lat, lon)
	}
	if w.f.points++; w.f.points > MaxPoints {
		return fmt.Errorf("%w: over %d points", ErrTooLarge, MaxPoints)
	}
	d.Route = append(d.Route, p)
	return nil
}

func (w *waybills) position(p *Point, prefix, lat, lon string) {
	a, ra, okA := e7(lat, 90)
	b, rb, okB := e7(lon, 180)
	at := field(prefix + "lat")
	switch {
	case !okA || !okB:
		w.problem(at, BadPosition, Error, fmt.Sprintf("latitude %.40q and longitude %.40q are no position", lat, lon), fmt.Sprintf("纬度“%.40s”、经度“%.40s”不是有效坐标", lat, lon))
		return
	case a == 0 && b == 0:
		w.problem(at, ZeroPosition, Warning, "latitude and longitude are 0: no position", "经纬度均为 0，视为无定位")
		return
	}
	datum := w.cell("datum")
	if datum == "" {
		datum = w.o.Datum
	}
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToUpper(datum)) {
	case "WGS84":
		p.Datum = "WGS-84"
	case "GCJ02":
		p.Datum = "GCJ-02"
	case "":
		w.problem("datum", DatumMissing, Error, "coordinates without a datum: say whether they are WGS-84 or GCJ-02", "坐标未注明坐标系，请说明是 WGS-84 还是 GCJ-02")
		return
	default:
		w.problem("datum", DatumUnknown, Error, fmt.Sprintf("the datum %.40q is neither WGS-84 nor GCJ-02", datum), fmt.Sprintf("坐标系“%.40s”既不是 WGS-84 也不是 GCJ-02", datum))
		return
	}
	p.LatE7, p.LonE7, p.Rounded = &a, &b, ra || rb
}

// e7 reads degrees × 10^7, rounded half to even.
func e7(text string, limit int64) (n int64, rounded, ok bool) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, false, false
	}
	r, exact, err := d.Round(7)
	if err != nil || r.N > limit*1e7 || r.N < -limit*1e7 {
		return 0, false, false
	}
	return r.N, !exact, true
}

// checkRoutes looks for points out of order of time.
func (w *waybills) checkRoutes() {
	for i := range w.f.Documents {
		d := &w.f.Documents[i]
		var load, tip *Point
		for j := range d.Route {
			p := &d.Route[j]
			switch {
			case p.Time.At.IsZero():
			case p.Kind == Load && load == nil:
				load = p
			case p.Kind == Tip:
				tip = p
			}
		}
		if load != nil && tip != nil && tip.Time.At.Before(load.Time.At) && load.Time.HasTime && tip.Time.HasTime {
			w.f.problem(tip.Line, d.Number, TimesDisorder, Warning, fmt.Sprintf("tipped %s before it was loaded %s", tip.TimeText, load.TimeText), fmt.Sprintf("卸货时间 %s 早于装货时间 %s", tip.TimeText, load.TimeText))
		}
	}
}
