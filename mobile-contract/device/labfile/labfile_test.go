package labfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

func parse(t testing.TB, text string, o Options) *File {
	t.Helper()
	f, err := Parse(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Problems {
		if p.EN == "" || p.ZH == "" || p.EN == p.ZH {
			t.Errorf("%+v does not speak both languages", p)
		}
	}
	return f
}

// codes are the problems of rows, without those of the file.
func codes(f *File) string {
	var c []string
	for _, p := range f.Problems {
		if p.Line > 0 {
			c = append(c, fmt.Sprintf("%d:%s", p.Line, p.Code))
		}
	}
	return strings.Join(c, " ")
}

func TestRealResults(t *testing.T) {
	b, err := os.ReadFile("testdata/metals.csv")
	if err != nil {
		t.Fatal(err)
	}
	f := parse(t, string(b), Options{})
	if !f.Importable() || f.Layout != General || f.Encoding != "utf-8" || f.Line != 1 || codes(f) != "" {
		t.Errorf("%s %s: %v", f.Layout, f.Encoding, f.Problems)
	}
	r := f.Rows[0].Result
	if r.SampleID != "CBJWPB REP 1" || r.SampleCode != "CBJWPB_REP_1_2007_2" || r.LabSampleID != "0806020-41" || r.Location != "CBJWPB" ||
		r.Analyte != "ARSENIC" || r.CAS != "7440-38-2" || r.CASText != "7440382" || r.CASState != CASValid || r.Method != "E1638" {
		t.Errorf("result %+v", r)
	}
	if r.Text != "13.5102533172497" || r.Value.String() != r.Text || r.Unit != "mg/kg" || r.UnitText != "MG/KG" || r.MDL.Value.String() != "0.60313630880579" ||
		r.Detection != Detected || r.Dilution.Value.String() != "1" || r.Prep != "" || len(r.Qualifiers) != 0 {
		t.Errorf("result %+v", r)
	}
	if r.Sampled.Text != "2007-10-22" || r.Sampled.HasTime || r.Sampled.ZoneStated || r.Sampled.At.Format(time.DateOnly) != "2007-10-22" {
		t.Errorf("sampled %+v", r.Sampled)
	}
	units := map[string]string{}
	var unfound, both int
	for _, row := range f.Rows {
		r := row.Result
		units[r.UnitText] = r.Unit
		if r.Detection == NotDetected {
			unfound++
			if r.Value != nil || r.Text != "NA" || r.MDL.Value == nil {
				t.Errorf("line %d: %+v", row.Line, r)
			}
		}
		if len(r.Qualifiers) > 0 && len(r.Validation) > 0 {
			both++
		}
	}
	if fmt.Sprint(units) != "map[MG/KG:mg/kg NG/G:ug/kg UG/G:mg/kg UG/KG:ug/kg]" || unfound == 0 || both == 0 {
		t.Errorf("units %v, %d not detected, %d with both qualifiers", units, unfound, both)
	}
}

func TestSharedFile(t *testing.T) {
	file, err := os.Open("../../../../shared/data/lab/metals-results.csv") // beside the repository
	if err != nil {
		t.Skipf("the full file is not here (%v); the excerpt in testdata is tested", err)
	}
	defer file.Close()
	f, err := Parse(file, Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, row := range f.Rows {
		r := row.Result
		count["unit "+r.Unit]++
		count["detected "+string(r.Detection)]++
		count["cas "+string(r.CASState)]++
		for _, q := range r.Qualifiers {
			count["lab "+q]++
		}
		for _, q := range r.Validation {
			count["val "+q]++
		}
		if r.Value != nil && r.Value.String() != r.Text {
			t.Errorf("line %d: %s read as %s", row.Line, r.Text, r.Value)
		}
	}
	want := map[string]int{"unit mg/kg": 708 + 618, "unit ug/kg": 36 + 9, "detected yes": 1323, "detected no": 48, "cas valid": 1371,
		"lab U": 48, "lab BL": 67, "lab B": 44, "lab J": 17, "val U": 5, "val J": 17}
	if len(f.Rows) != 1371 || !f.Importable() || codes(f) != "" || fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("%d rows, %d errors, %v\n%v", len(f.Rows), f.Errors(), count, codes(f))
	}
}

const equis = `sys_loc_code,sys_sample_code,sample_date,sample_matrix_code,chemical_name,cas_rn,result_value,result_unit,detect_flag,analytical_method,reporting_detection_limit,method_detection_limit,lab_qualifiers,validator_qualifiers,analysis_date,prep_date,sample_type_code,fraction,basis,lab_sample_id,dilution_factor
MW-1,MW-1-0424,04/03/2024 09:15:00,WG,Benzene,71-43-2,,ug/L,N,SW8260D,0.5,0.2,U,,04/05/2024 11:02,04/04/2024,N,T,,L24-1,1
MW-1,MW-1-0424,04/03/2024 09:15:00,WG,"1,2-Dichloroethane",107062,0.31,µg/L,Y,SW8260D,0.5,0.2,"J,B",J-,04/05/2024 11:02,04/04/2024,N,T,,L24-1,1
MW-1,MW-1-0424,04/25/2024 09:15:00,WG,TPH gasoline,PHCG,55,ug/l,Y,SW8015,50,20,,,04/27/2024 11:02,,N,T,Wet,L24-1,10
`

func TestEQuIS(t *testing.T) {
	zone := time.FixedZone("", -7*3600)
	f := parse(t, "\xef\xbb\xbf"+equis, Options{Zone: zone})
	if f.Layout != EQuIS || !f.Importable() || codes(f) != "4:CAS_PSEUDO" {
		t.Fatalf("%s %v", f.Layout, f.Problems)
	}
	r := f.Rows[0].Result
	if r.Detection != NotDetected || r.Text != "" || r.Value != nil || r.Matrix != "water" || r.QC != "" || fmt.Sprint(r.Qualifiers) != "[U]" {
		t.Errorf("a non-detect: %+v", r)
	}
	if !r.Sampled.HasTime || r.Sampled.ZoneStated || r.Sampled.At.Format(time.RFC3339) != "2024-04-03T09:15:00-07:00" || r.Prepared.HasTime {
		t.Errorf("dates %+v %+v", r.Sampled, r.Prepared)
	}
	r = f.Rows[1].Result
	if fmt.Sprint(r.Qualifiers, r.Validation) != "[J B] [J-]" || r.CAS != "107-06-2" || r.Unit != "ug/L" || r.UnitText != "µg/L" || r.Analyte != "1,2-Dichloroethane" {
		t.Errorf("mixed qualifiers: %+v", r)
	}
	if r := f.Rows[2].Result; r.CASState != CASPseudo || r.CAS != "" || r.Basis != "wet" || r.Dilution.Value.String() != "10" {
		t.Errorf("pseudo CAS: %+v", r)
	}
}

const edf = "Laboratory deliverable\nProject;X\n\nSAMPID;LABSAMPID;COCNUM;MATRIX;QCCODE;ANMCODE;EXMCODE;LOGDATE;LOGTIME;RECDATE;EXTDATE;EXTTIME;ANADATE;ANATIME;REP_DATE;PARLABEL;PARVAL;PARVQ;LABDL;REPDL;PARUN;DILFAC;BASIS;LABLOTCTL\n" +
	"S-1;A1;C7;SO;CS;SW6010;SW3050;20240403;0915;20240403;20240404;;20240405;1102;20240410;PB;12.5;=;0.5;1;MG/KG;1;D;B9\n" +
	"S-1;A1;C7;SO;CS;SW6010;SW3050;20240403;0915;20240403;20240404;;20240405;1102;20240410;CD;ND;ND;0.1;0.5;MG/KG;1;D;B9\n" +
	"S-1;A1;C7;SO;LB1;SW6010;SW3050;20240403;0915;20240403;20240406;0800;20240405;1102;20240402;HG;<0.1;<;0.1;0.5;MG/KG;1;D;B9\n"

func TestEDF(t *testing.T) {
	f := parse(t, edf, Options{})
	if f.Layout != EDF || f.Delimiter != ';' || f.Line != 4 || len(f.Rows) != 3 {
		t.Fatalf("%s %q line %d", f.Layout, f.Delimiter, f.Line)
	}
	r := f.Rows[0].Result
	if r.COC != "C7" || r.Basis != "dry" || r.Matrix != "soil" || r.Batch != "B9" || r.Prep != "SW3050" || len(r.Qualifiers) != 0 || r.Detection != Detected ||
		r.Sampled.At.Format(time.DateTime) != "2024-04-03 09:15:00" || !r.Sampled.HasTime || r.Received.HasTime {
		t.Errorf("result %+v", r)
	}
	if r := f.Rows[1].Result; r.Detection != NotDetected || r.Value != nil || fmt.Sprint(r.Qualifiers) != "[ND]" {
		t.Errorf("ND: %+v", r)
	}
	if r := f.Rows[2].Result; r.Operator != "<" || r.Value.String() != "0.1" || r.QC != "method_blank" || r.Detection != NotDetected {
		t.Errorf("<0.1: %+v", r)
	}
	// analysed before extracted; reported before everything
	if codes(f) != "7:DATES_OUT_OF_ORDER 7:DATES_OUT_OF_ORDER 7:DATES_OUT_OF_ORDER 7:DATES_OUT_OF_ORDER 7:DATES_OUT_OF_ORDER" || f.Importable() {
		t.Errorf("dates: %v", f.Problems)
	}
}

const zh = "某检测有限公司,检测数据\n样品编号,实验室编号,采样点位,样品类型,检测项目,CAS号,检测结果（mg/L）,检测方法,方法检出限,定量限,稀释倍数,采样时间,分析日期,质控类型,备注\n" +
	"W1,S001,总排口,废水,总铅,7439-92-1,0.52,HJ 700-2014,0.00009,0.00036,1,2024年4月3日 9时15分,2024-04-05,样品,无\n" +
	"W1,S001,总排口,废水,总镉,7440-43-9,0.00005L,HJ 700-2014,0.00005,0.0002,1,2024年4月3日 9时15分,2024/4/5,,\n" +
	"W1,S001,总排口,废水,六价铬,18540-29-9,未检出,GB 7467-87,0.004,,1,2024年4月3日,2024年4月5日,,\n"

func TestChineseInThreeEncodings(t *testing.T) {
	gb, err := simplifiedchinese.GBK.NewEncoder().String(zh)
	if err != nil {
		t.Fatal(err)
	}
	u16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(zh)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"utf-8": zh, "gb18030": gb, "utf-16": u16} {
		t.Run(name, func(t *testing.T) {
			f := parse(t, text, Options{Zone: time.FixedZone("", 8*3600)})
			if f.Encoding != name || f.Layout != Chinese || !f.Importable() || codes(f) != "" || f.Guessed != (name == "gb18030") {
				t.Fatalf("%s %s: %v", f.Encoding, f.Layout, f.Problems)
			}
			r := f.Rows[0].Result
			if r.SampleID != "W1" || r.Location != "总排口" || r.Matrix != "water" || r.Analyte != "总铅" || r.Unit != "mg/L" || r.Value.String() != "0.52" ||
				r.Sampled.At.Format(time.RFC3339) != "2024-04-03T09:15:00+08:00" || r.QC != "" {
				t.Errorf("result %+v", r)
			}
			if r := f.Rows[1].Result; r.Operator != "<" || r.Value.String() != "0.00005" || r.Detection != NotDetected {
				t.Errorf("0.00005L: %+v", r)
			}
			if r := f.Rows[2].Result; r.Detection != NotDetected || r.Value != nil || r.Analysed.At.Day() != 5 {
				t.Errorf("未检出: %+v", r)
			}
		})
	}
}

func TestWesternEncoding(t *testing.T) {
	text, err := charmap.Windows1252.NewEncoder().String(equis)
	if err != nil {
		t.Fatal(err)
	}
	f := parse(t, text, Options{})
	if f.Encoding != "windows-1252" || !f.Guessed || f.Rows[1].Result.UnitText != "µg/L" || !f.Importable() {
		t.Errorf("%s %q %v", f.Encoding, f.Rows[1].Result.UnitText, f.Problems)
	}
}

const general = "sample_id,analyte,cas,result,unit,method,mdl,rl,lab_qualifier,detect_flag,sample_date,analysis_date,matrix,dilution\n"

func TestRowProblems(t *testing.T) {
	cases := []struct{ name, row, want string }{
		{"good", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,2024-04-03,2024-04-05,soil,1", ""},
		{"no sample", ",Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,,", "MISSING_VALUE"},
		{"no analyte", "S,,,1.5,mg/kg,M,0.1,0.5,,,,,,", "MISSING_VALUE"},
		{"analyte by CAS", "S,,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,,", ""},
		{"no method", "S,Lead,7439-92-1,1.5,mg/kg,,0.1,0.5,,,,,,", "MISSING_VALUE"},
		{"no unit", "S,Lead,7439-92-1,1.5,,M,0.1,0.5,,,,,,", "MISSING_VALUE"},
		{"no result", "S,Lead,7439-92-1,,mg/kg,M,0.1,0.5,,,,,,", "MISSING_VALUE"},
		{"unknown unit", "S,Lead,7439-92-1,1.5,furlong,M,0.1,0.5,,,,,,", "UNIT_UNKNOWN"},
		{"check digit", "S,Lead,7439-92-2,1.5,mg/kg,M,0.1,0.5,,,,,,", "CAS_CHECKDIGIT_BAD"},
		{"pseudo", "S,Lead,C-025,1.5,mg/kg,M,0.1,0.5,,,,,,", "CAS_PSEUDO"},
		{"word for result", "S,Lead,7439-92-1,some,mg/kg,M,0.1,0.5,,,,,,", "RESULT_UNREADABLE"},
		{"too many digits", "S,Lead,7439-92-1,1.23456789012345678901,mg/kg,M,0.1,0.5,,,,,,", "RESULT_UNREADABLE"},
		{"thousands", `S,Lead,7439-92-1,"12,500.5",mg/kg,M,0.1,0.5,,,,,,`, ""},
		{"not thousands", `S,Lead,7439-92-1,"12,50",mg/kg,M,0.1,0.5,,,,,,`, "RESULT_UNREADABLE"},
		{"negative", "S,Lead,7439-92-1,-1,mg/kg,M,,0.5,,,,,,", "NEGATIVE_RESULT"},
		{"below MDL", "S,Lead,7439-92-1,0.05,mg/kg,M,0.1,0.5,,,,,,", "RESULT_LT_MDL_NOT_QUALIFIED"},
		{"below MDL with J", "S,Lead,7439-92-1,0.05,mg/kg,M,0.1,0.5,J,,,,,", ""},
		{"below MDL with H only", "S,Lead,7439-92-1,0.05,mg/kg,M,0.1,0.5,H,,,,,", "RESULT_LT_MDL_NOT_QUALIFIED"},
		{"MDL over RL", "S,Lead,7439-92-1,1.5,mg/kg,M,0.6,0.5,,,,,,", "MDL_OVER_RL"},
		{"MDL no number", "S,Lead,7439-92-1,1.5,mg/kg,M,low,0.5,,,,,,", "LIMIT_UNREADABLE"},
		{"U without limit", "S,Lead,7439-92-1,NA,mg/kg,M,,,U,,,,,", "NONDETECT_WITHOUT_LIMIT"},
		{"ND with its limit", "S,Lead,7439-92-1,ND(0.5),mg/kg,M,,,,,,,,", ""},
		{"U but detected", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,U,Y,,,,", "DETECT_CONFLICT"},
		{"ND but detected", "S,Lead,7439-92-1,ND,mg/kg,M,0.1,0.5,,Y,,,,", "DETECT_CONFLICT"},
		{"flag nonsense", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,perhaps,,,,", "DETECT_CONFLICT"},
		{"unknown qualifier", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,JZ,,,,,", "QUALIFIER_UNKNOWN"},
		{"letters together", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,JB,,,,,", ""},
		{"unknown matrix", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,cheese,", "MATRIX_UNKNOWN"},
		{"30 February", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,2024-02-30,,,", "DATE_IMPOSSIBLE"},
		{"zero of a spreadsheet", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,1900-01-00,,,", "DATE_IMPOSSIBLE"},
		{"either way", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,3/4/2024,,,", "DATE_AMBIGUOUS"},
		{"same either way", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,4/4/2024,,,", ""},
		{"two-digit year", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,3/4/24,,,", "DATE_IMPOSSIBLE"},
		{"analysed before sampled", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,2024-04-05,2024-04-03,,", "DATES_OUT_OF_ORDER"},
		{"day and time of one day", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,2024-04-05 15:00,2024-04-05,,", ""},
		{"in the future", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,2035-04-03,,", "DATE_IN_FUTURE"},
		{"short", "S,Lead,7439-92-1,1.5", "SHORT_ROW"},
		{"long", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,,,x", "LONG_ROW"},
		{"commas at the end", "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,,,,", ""},
		{"quote never closed", `S,"Lead,7439-92-1,1.5` + strings.Repeat("\nx", 50), "UNCLOSED_QUOTE"},
		{"quoted line end", "S,\"Lead,\ntotal\",7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,,", ""},
		{"quote inside", `S,5" pipe scale,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,,,,`, ""},
	}
	warnings := map[Code]bool{CASBad: true, CASPseudoCode: true, NegativeResult: true, BelowMDL: true, MDLOverRL: true, NoLimit: true, DetectConflict: true, QualifierUnknown: true, MatrixUnknown: true}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := parse(t, general+c.row+"\n", Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
			want := ""
			if c.want != "" {
				want = "2:" + c.want
			}
			if codes(f) != want {
				t.Errorf("problems %v, want %s", f.Problems, c.want)
			}
			if ok := c.want == "" || warnings[Code(c.want)]; f.Importable() != ok {
				t.Errorf("importable %v with %s", f.Importable(), c.want)
			}
			if len(f.Rows) != 1 || len(f.Rows[0].Cells) < 2 {
				t.Errorf("the row must stay: %+v", f.Rows)
			}
		})
	}
}

func TestTheSameDeterminationTwice(t *testing.T) {
	row := "S,Lead,7439-92-1,%s,mg/kg,M,0.1,0.5,,,,2024-04-05,,%s\n"
	line := func(result, dilution string) string { return fmt.Sprintf(row, result, dilution) }
	f := parse(t, general+line("1.5", "1")+line("1.5", "1")+line("1.6", "1")+line("1.6", "10"), Options{})
	if codes(f) != "3:DUPLICATE_ROW 4:CONFLICTING_ROW" || f.Importable() || f.Errors() != 2 {
		t.Errorf("%v", f.Problems)
	}
}

func TestDateOrder(t *testing.T) {
	row := "S,Lead,7439-92-1,1.5,mg/kg,M,0.1,0.5,,,%s,%s,,\n"
	date := func(d string) string { return fmt.Sprintf(row, d, "2025-01-01") }
	for _, c := range []struct {
		rows  string
		o     Options
		month time.Month
		codes string
	}{
		{date("3/4/2024") + strings.Replace(date("13/4/2024"), "S,", "T,", 1), Options{}, time.April, ""},
		{date("3/4/2024") + strings.Replace(date("4/13/2024"), "S,", "T,", 1), Options{}, time.March, ""},
		{date("3/4/2024"), Options{Dates: DayFirst}, time.April, ""},
		{date("3/4/2024 2:30 PM"), Options{Dates: MonthFirst}, time.March, ""},
	} {
		f := parse(t, general+c.rows, c.o)
		if codes(f) != c.codes || f.Rows[0].Result.Sampled.At.Month() != c.month {
			t.Errorf("%s: %v %v", c.rows, f.Rows[0].Result.Sampled, f.Problems)
		}
	}
	f := parse(t, general+date("13/4/2024")+date("4/13/2024"), Options{})
	if f.Importable() || f.Problems[len(f.Problems)-1].Line == 0 && f.Problems[0].Code != DateOrderMixed {
		t.Errorf("both orders in one file: %v", f.Problems)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"empty":        {"", ErrNoTable},
		"no table":     {"a,b,c\n1,2,3\n", ErrNoTable},
		"half":         {"sample_id,unit\nS,mg\n", ErrNoTable},
		"xlsx":         {"PK\x03\x04....", ErrSpreadsheet},
		"xls":          {"\xd0\xcf\x11\xe0....", ErrSpreadsheet},
		"many columns": {strings.Repeat("x,", 300) + "\n", ErrTooLarge},
		"header late":  {strings.Repeat("x\n", 60) + general, ErrNoTable},
	} {
		if _, err := Parse(strings.NewReader(c.text), Options{}); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	if f := parse(t, general, Options{}); f.Importable() || f.Problems[0].Code != NoRows {
		t.Errorf("a header alone: %v", f.Problems)
	}
	f := parse(t, "sample_id,sampid,analyte,result,color\nS,S,Lead,1,red\n", Options{})
	if f.Importable() || f.Problems[0].Code != DuplicateColumn || f.Problems[1].Code != UnknownColumn {
		t.Errorf("columns: %v", f.Problems)
	}
	if f := parse(t, general+"S\x00,L\xff\xfe\xfd,,,,,,,,,,,,\n", Options{Encoding: "utf-8"}); f.Importable() || f.Problems[0].Code != EncodingBroken {
		t.Errorf("broken text: %v", f.Problems[0])
	}
}

func TestProblemsAreBounded(t *testing.T) {
	f := parse(t, general+strings.Repeat("S,,,,,,,,,,,,,\n", 8000), Options{})
	if len(f.Problems) != MaxProblems || f.Problems[MaxProblems-1].Code != MoreProblemsFollow || f.Importable() || len(f.Rows) != 8000 {
		t.Errorf("%d problems, %d rows", len(f.Problems), len(f.Rows))
	}
}

func TestCAS(t *testing.T) {
	for text, want := range map[string]CASState{"7440-38-2": CASValid, "7440382": CASValid, "0007440382": CASValid, "71-43-2": CASValid, "50000": CASValid, "7440-38-3": CASBadCheck,
		"7440383": CASBadCheck, "": CASAbsent, "NA": CASAbsent, "-": CASAbsent, "C-025": CASPseudo, "TPH": CASPseudo, "744-038-2": CASPseudo, "00000": CASBadCheck, "12345678901": CASPseudo} {
		if n, got := CAS(text); got != want || got == CASValid && strings.Count(n, "-") != 2 {
			t.Errorf("%q is %s %q, want %s", text, got, n, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	metals, _ := os.ReadFile("testdata/metals.csv")
	for _, s := range []string{"", equis, edf, zh, general + "S,\"\n\n\",1", "\xff\xfea\x00", string(metals), "sample_id\tanalyte\tresult\na\tb\t<1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(strings.NewReader(string(b)), Options{})
		if err != nil {
			return
		}
		if file.Importable() {
			for _, row := range file.Rows {
				r := row.Result
				if r.SampleID+r.SampleCode+r.LabSampleID == "" || r.Analyte == "" || r.Method == "" || r.Unit == "" || r.Value == nil && r.Detection != NotDetected {
					t.Fatalf("importable, but line %d is %+v", row.Line, r)
				}
			}
		}
		if len(file.Problems) > MaxProblems {
			t.Fatalf("%d problems", len(file.Problems))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	metals, err := os.ReadFile("testdata/metals.csv")
	if err != nil {
		b.Fatal(err)
	}
	head, body, _ := strings.Cut(string(metals), "\n")
	text := head + "\n" + strings.Repeat(body, 50)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(strings.NewReader(text), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
