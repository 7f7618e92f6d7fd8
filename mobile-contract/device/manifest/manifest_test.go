package manifest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"fieldseal/sync/decimal"
)

func codes(f *File) string {
	var c []string
	for _, p := range f.Problems {
		c = append(c, fmt.Sprintf("%d:%s", p.Line, p.Code))
	}
	return strings.Join(c, " ")
}

func bilingual(t testing.TB, f *File) {
	t.Helper()
	for _, p := range f.Problems {
		if p.EN == "" || p.ZH == "" || p.EN == p.ZH {
			t.Errorf("%+v does not speak both languages", p)
		}
	}
}

func TestRealManifest(t *testing.T) {
	file, err := os.Open("testdata/emanifest.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := ParseJSON(file)
	if err != nil || !f.Importable() || codes(f) != "" || len(f.Documents) != 1 {
		t.Fatalf("%v %+v", err, f)
	}
	d := f.Documents[0]
	if d.Status != "Scheduled" || d.Submission != "FullElectronic" || d.Number != "" || len(d.Parties) != 5 || len(d.Quantities) != 2 {
		t.Errorf("document %+v", d)
	}
	if p := d.Parties[0]; p != (Party{Role: Generator, ID: "VATEST000004", Phone: "703-308-0023"}) {
		t.Errorf("generator %+v", p)
	}
	if p := d.Parties[3]; p.Role != Transporter || p.Order != 3 || p.Name != "TEST TRANSPORTER 1 OF VA" {
		t.Errorf("third transporter %+v", p)
	}
	q := d.Quantities[0]
	if *q.Containers != 12 || q.ContainerCode != "DM" || q.ContainerType != "Metal drums, barrels, kegs" || q.Amount.String() != "480" || q.Unit != "[gal_us]" ||
		q.UnitText != "G" || q.MassKG != nil || q.MassBasis != NoMass || fmt.Sprint(q.WasteCodes) != "[D001]" || q.Waste != "NA1993, Waste Diesel fuel, 3, III" || !q.Hazardous {
		t.Errorf("gallons alone are no mass: %+v", q)
	}
	q = d.Quantities[1]
	if q.MassKG.String() != "432" || !q.MassExact || q.MassBasis != MassStated || q.Unit != "kg" || q.Hazardous || q.Waste != "PCB contaminated bags" {
		t.Errorf("kilograms: %+v", q)
	}
}

func manifest(quantity string) string {
	return `{"manifestTrackingNumber":"123456789ELC","shippedDate":"2018-03-18T04:00:00.000+0000","generator":{"epaSiteId":"A"},"wastes":[{"lineNumber":1,"quantity":{` + quantity + `}}]}`
}

func TestManifestQuantities(t *testing.T) {
	for _, c := range []struct{ quantity, kg, basis, codes string }{
		{`"quantity":2,"unitOfMeasurement":{"code":"T"}`, "1814.36948 true", "stated", ""},
		{`"quantity":1.50,"unitOfMeasurement":{"code":"M"}`, "1500.00 true", "stated", ""},
		{`"quantity":100,"unitOfMeasurement":{"code":"P"}`, "45.359237 true", "stated", ""},
		{`"quantity":480,"unitOfMeasurement":{"code":"G"},"density":7.1,"densityUnitOfMeasurement":{"code":"1"}`, "1545.84279696 true", "density", ""},
		{`"quantity":1000,"unitOfMeasurement":{"code":"L"},"density":0.85,"densityUnitOfMeasurement":{"code":"2"}`, "850.00 true", "density", ""},
		{`"quantity":10,"unitOfMeasurement":{"code":"G"},"density":0.85,"densityUnitOfMeasurement":{"code":"3"}`, "", "", ""},
		{`"quantity":10,"unitOfMeasurement":{"code":"Q"}`, "", "", "1:UNIT_UNKNOWN"},
		{`"quantity":10`, "", "", "1:MISSING_VALUE"},
		{`"unitOfMeasurement":{"code":"K"}`, "", "", "1:NO_QUANTITY"},
		{`"quantity":-5,"unitOfMeasurement":{"code":"K"}`, "", "", "1:BAD_NUMBER 1:NO_QUANTITY"},
		{`"quantity":"12.5","unitOfMeasurement":{"code":"K"}`, "12.5 true", "stated", ""},
		{`"quantity":"many","unitOfMeasurement":{"code":"K"}`, "", "", "1:BAD_NUMBER 1:NO_QUANTITY"},
		{`"quantity":1,"unitOfMeasurement":{"code":"K"},"containerNumber":1.5`, "1 true", "stated", "1:BAD_NUMBER"},
		{`"quantity":1,"unitOfMeasurement":{"code":"K"},"containerType":{"code":"ZZ","description":"Bathtub"}`, "1 true", "stated", "1:CONTAINER_CODE"},
	} {
		f, err := ParseJSON(strings.NewReader(manifest(c.quantity)))
		if err != nil {
			t.Fatal(err)
		}
		bilingual(t, f)
		q := f.Documents[0].Quantities[0]
		kg := ""
		if q.MassKG != nil {
			kg = fmt.Sprintf("%s %v", q.MassKG, q.MassExact)
		}
		if kg != c.kg || string(q.MassBasis) != c.basis || codes(f) != c.codes {
			t.Errorf("%s: %s %s %s", c.quantity, kg, q.MassBasis, codes(f))
		}
		if f.Documents[0].Shipped.At.Format(time.RFC3339) != "2018-03-18T04:00:00Z" {
			t.Errorf("shipped %v", f.Documents[0].Shipped)
		}
	}
}

func TestManifestsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "null", "{}", "[{}]", "5", `{"generator":{},"generator":{}}`, `{"generator":`, `{"wastes":{}}`, `{"generator":{"epaSiteId":5}}`, "PK\x03\x04"} {
		if _, err := ParseJSON(strings.NewReader(text)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v, want ErrSyntax", text, err)
		}
	}
	f, err := ParseJSON(strings.NewReader(" [" + manifest(`"quantity":1,"unitOfMeasurement":{"code":"K"}`) + "," + manifest(`"quantity":2,"unitOfMeasurement":{"code":"K"}`) + "]"))
	if err != nil || len(f.Documents) != 2 {
		t.Errorf("a list of two: %v", err)
	}
	f, err = ParseJSON(strings.NewReader(`{"generator":{},"receivedDate":"2018-02-30"}`))
	if err != nil || codes(f) != "0:BAD_DATE" {
		t.Errorf("a day that does not exist: %v %v", err, f.Problems)
	}
}

const waybill = `waybill_no,record,plate,driver,shipper_id,shipper,carrier,consignee,waste,waste_code,container_type,containers,quantity,unit,gross_kg,tare_kg,net_kg,weighbridge_no,load_time,load_place,load_lat,load_lon,tip_time,tip_place,tip_lat,tip_lon,kind,time,place,lat,lon,datum
W1,waybill,苏A12345,Li,91320000X,Plant A,Fleet B,Plant C,waste acid,HW34,drum,40,8.2,t,12500,4300,8200,P-7,2024-04-03 08:00:00,Plant A,32.0603,118.7969,2024-04-03 14:30:00,Pit,31.9,118.5,,,,,,GCJ-02
W1,point,,,,,,,,,,,,,,,,,,,,,,,,,way,2024-04-03T10:00:00+08:00,G42,31.95123456789,118.6,WGS84
`

func TestWaybill(t *testing.T) {
	f, err := ParseWaybills(strings.NewReader(waybill), Options{Zone: time.FixedZone("", 8*3600)})
	if err != nil || codes(f) != "" || !f.Importable() || len(f.Documents) != 1 {
		t.Fatalf("%v %+v", err, f)
	}
	d := f.Documents[0]
	if d.Kind != Waybill || d.Number != "W1" || d.Plate != "苏A12345" || len(d.Parties) != 4 || d.Parties[0] != (Party{Role: Shipper, ID: "91320000X", Name: "Plant A"}) {
		t.Errorf("document %+v", d)
	}
	q := d.Quantities[0]
	if q.MassKG.String() != "8200" || q.MassBasis != MassScale || q.Amount.String() != "8.2" || q.Unit != "t" || *q.Containers != 40 || q.WeighbridgeNo != "P-7" || fmt.Sprint(q.WasteCodes) != "[HW34]" {
		t.Errorf("quantity %+v", q)
	}
	if len(d.Route) != 3 {
		t.Fatalf("route %+v", d.Route)
	}
	if p := d.Route[0]; p.Kind != Load || *p.LatE7 != 320603000 || *p.LonE7 != 1187969000 || p.Datum != "GCJ-02" || p.Time.At.Format(time.RFC3339) != "2024-04-03T08:00:00+08:00" || p.Time.ZoneStated {
		t.Errorf("loading point %+v", p)
	}
	if p := d.Route[2]; p.Kind != Way || *p.LatE7 != 319512346 || !p.Rounded || p.Datum != "WGS-84" || !p.Time.ZoneStated || p.Place != "G42" {
		t.Errorf("way point %+v", p)
	}
}

const zhHead = "运单号;车牌号;托运人;货物名称;重量（吨）;毛重（吨）;皮重（吨）;装货时间;装货地点;装货纬度;装货经度;卸货时间;卸货地点;卸货纬度;卸货经度;坐标系\n"

func TestChineseWaybill(t *testing.T) {
	text := "货运平台导出\n" + zhHead + "Y-9;苏B00001;某化工;废盐;30.5;45.5;15.0;2024年4月3日 8时05分;厂区;32.06;118.79;2024/4/3 20:10;山坳;31.9;118.5;GCJ02\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseWaybills(strings.NewReader(gb), Options{})
	if err != nil || codes(f) != "0:ENCODING_GUESSED" || !f.Importable() {
		t.Fatalf("%v %+v", err, f)
	}
	q := f.Documents[0].Quantities[0]
	if q.MassKG.Cmp(decimal.FromInt(30500)) != 0 || q.MassBasis != MassScale || q.Unit != "t" || q.Waste != "废盐" {
		t.Errorf("quantity %+v", q)
	}
	if r := f.Documents[0].Route; len(r) != 2 || r[1].Place != "山坳" || r[1].Kind != Tip || !r[0].Time.HasTime {
		t.Errorf("route %+v", r)
	}
}

func TestWaybillProblems(t *testing.T) {
	const head = "waybill_no,plate,quantity,unit,containers,gross_kg,tare_kg,net_kg,load_time,tip_time,tip_lat,tip_lon,datum\n"
	for _, c := range []struct{ name, row, want string }{
		{"good", "W1,P1,5,t,2,9,4,5,2024-04-03 08:00,2024-04-03 09:00,31.9,118.5,WGS-84", ""},
		{"no number", ",P1,5,t,,,,,,,,,", "2:MISSING_VALUE"},
		{"no unit", "W1,P1,5,,,,,,,,,,", "2:MISSING_VALUE"},
		{"unknown unit", "W1,P1,5,wagons,,,,,,,,,", "2:UNIT_UNKNOWN"},
		{"no quantity", "W1,P1,,,,,,,,,,,", "2:NO_QUANTITY"},
		{"not a number", "W1,P1,five,t,2,,,,,,,,", "2:BAD_NUMBER"},
		{"negative", "W1,P1,-5,t,2,,,,,,,,", "2:BAD_NUMBER"},
		{"half a barrel", "W1,P1,5,t,2.5,,,,,,,,", "2:BAD_NUMBER"},
		{"net wrong", "W1,P1,5,t,,9,4,6,,,,,", "2:NET_MISMATCH"},
		{"tare over gross", "W1,P1,5,t,,4,9,,,,,,", "2:NET_MISMATCH"},
		{"bad latitude", "W1,P1,5,t,,,,,,,91,118.5,WGS-84", "2:BAD_POSITION"},
		{"one coordinate", "W1,P1,5,t,,,,,,,31,,WGS-84", "2:BAD_POSITION"},
		{"zero", "W1,P1,5,t,,,,,,,0,0.0,", "2:ZERO_POSITION"},
		{"no datum", "W1,P1,5,t,,,,,,,31.9,118.5,", "2:DATUM_MISSING"},
		{"other datum", "W1,P1,5,t,,,,,,,31.9,118.5,BD-09", "2:DATUM_UNKNOWN"},
		{"no date", "W1,P1,5,t,,,,,soon,,,,", "2:BAD_DATE"},
		{"either way", "W1,P1,5,t,,,,,3/4/2024 08:00,,,,", "2:DATE_AMBIGUOUS"},
		{"tipped first", "W1,P1,5,t,,,,,2024-04-03 08:00,2024-04-03 07:00,,,", "2:TIMES_OUT_OF_ORDER"},
		{"short", "W1,P1,5", "2:ROW_SHAPE"},
		{"long", "W1,P1,5,t,,,,,,,,,,x", "2:ROW_SHAPE"},
		{"twice", "W1,P1,5,t,,,,,,,,,\nW1,P1,5,t,,,,,,,,,", "3:DUPLICATE_ROW"},
		{"two plates", "W1,P1,5,t,,,,,,,,,\nW1,P2,6,t,,,,,,,,,", "3:CONFLICTING_ROW"},
	} {
		f, err := ParseWaybills(strings.NewReader(head+c.row+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		bilingual(t, f)
		warning := strings.Contains(c.want, "NO_QUANTITY") || strings.Contains(c.want, "ZERO") || strings.Contains(c.want, "TIMES")
		if codes(f) != c.want || f.Importable() != (c.want == "" || warning) {
			t.Errorf("%s: %v, importable %v", c.name, f.Problems, f.Importable())
		}
		for _, d := range f.Documents {
			for _, p := range d.Route {
				if (p.LatE7 == nil) != (p.LonE7 == nil) || p.LatE7 != nil && p.Datum == "" {
					t.Errorf("%s: point %+v", c.name, p)
				}
			}
		}
	}
	for name, text := range map[string]string{"record": "waybill_no,record\nW,letter\n", "kind": "waybill_no,record,kind,lat,lon\nW,point,jump,1,1\n"} {
		if f, err := ParseWaybills(strings.NewReader(text), Options{}); err != nil || codes(f) != "2:UNKNOWN_KIND" {
			t.Errorf("%s: %v %v", name, err, f.Problems)
		}
	}
	f, err := ParseWaybills(strings.NewReader("waybill_no,plate,车牌号,colour\nW,P,P,red\n"), Options{})
	if err != nil || codes(f) != "0:DUPLICATE_COLUMN 0:UNKNOWN_COLUMN 2:NO_QUANTITY" {
		t.Errorf("columns: %v %v", err, f.Problems)
	}
	for _, text := range []string{"", "a,b\n1,2\n", "waybill_no\nW\n"} {
		if _, err := ParseWaybills(strings.NewReader(text), Options{}); !errors.Is(err, ErrNoTable) {
			t.Errorf("%q: %v, want ErrNoTable", text, err)
		}
	}
}

func TestBounds(t *testing.T) {
	var many strings.Builder
	many.WriteString("waybill_no,plate\n")
	for i := range MaxDocuments + 1 {
		fmt.Fprintf(&many, "W%d,P\n", i)
	}
	if _, err := ParseWaybills(strings.NewReader(many.String()), Options{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d waybills: %v", MaxDocuments+1, err)
	}
	f, err := ParseWaybills(strings.NewReader(strings.Replace(many.String(), "\nW20000,P", "", 1)), Options{})
	if err != nil || len(f.Problems) != MaxProblems || f.Problems[MaxProblems-1].Code != MoreProblems || f.Importable() {
		t.Errorf("%v, %d problems", err, len(f.Problems))
	}
}

func FuzzJSON(f *testing.F) {
	b, _ := os.ReadFile("testdata/emanifest.json")
	f.Add(b)
	f.Add([]byte(manifest(`"quantity":480,"unitOfMeasurement":{"code":"G"},"density":7.1,"densityUnitOfMeasurement":{"code":"1"}`)))
	f.Add([]byte(`[{"generator":{},"wastes":[{}]}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseJSON(strings.NewReader(string(b)))
		if err == nil {
			check(t, file)
		}
	})
}

func FuzzWaybills(f *testing.F) {
	f.Add([]byte(waybill))
	f.Add([]byte(zhHead + "Y-9;;;;30.5;45.5;15.0;;;;;;;;;GCJ02\n"))
	f.Add([]byte("waybill_no,quantity(t)\nW,1e400\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseWaybills(strings.NewReader(string(b)), Options{})
		if err == nil {
			check(t, file)
		}
	})
}

func check(t *testing.T, f *File) {
	if len(f.Problems) > MaxProblems {
		t.Fatalf("%d problems", len(f.Problems))
	}
	for _, d := range f.Documents {
		for _, q := range d.Quantities {
			if (q.MassKG == nil) != (q.MassBasis == NoMass) || q.MassKG != nil && q.MassKG.Sign() < 0 || f.Importable() && q.Amount != nil && q.Unit == "" {
				t.Fatalf("quantity %+v", q)
			}
		}
		for _, p := range d.Route {
			if p.LatE7 != nil && (p.Datum == "" || max(*p.LatE7, -*p.LatE7) > 90e7) {
				t.Fatalf("point %+v", p)
			}
		}
	}
}
