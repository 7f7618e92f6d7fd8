package labfile

import (
	"fmt"
	"regexp"
	"strings"

	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/decimal"
	"fieldseal/sync/unit"
)

// column is the index of the column of a field, -1 when there is none.
func (f *File) column(field Field) int {
	if i, ok := f.index[field]; ok {
		return i
	}
	return -1
}

// cell is the cell of a field, "" when there is none.
func (f *File) cell(row *Row, field Field) string {
	if i := f.column(field); i >= 0 && i < len(row.Cells) {
		return row.Cells[i]
	}
	return ""
}

// text is the cell of a field without outer blanks, "" when it says that there
// is nothing.
func (f *File) text(row *Row, field Field) string {
	t := strings.TrimSpace(f.cell(row, field))
	if sheet.Absent(t) {
		return ""
	}
	return t
}

// name is how the file calls a field.
func (f *File) name(field Field) string {
	if i := f.column(field); i >= 0 {
		return f.Header[i]
	}
	return string(field)
}

func (f *File) rowProblem(row *Row, field Field, code Code, s Severity, en, zh string) {
	name := ""
	if field != noField {
		name = f.name(field)
	}
	f.problem(row.Line, name, code, s, en, zh)
}

// readRow fills the result of a row from its cells.
func (f *File) readRow(row *Row, o Options, order DateOrder) {
	if !f.shape(row) {
		return
	}
	r := &row.Result
	for _, t := range []struct {
		to    *string
		field Field
	}{
		{&r.SampleID, fSample}, {&r.SampleCode, fSampleCode}, {&r.LabSampleID, fLabSample}, {&r.Location, fLocation}, {&r.Point, fPoint},
		{&r.MatrixText, fMatrix}, {&r.Lab, fLab}, {&r.COC, fCOC}, {&r.Analyte, fAnalyte}, {&r.Method, fMethod}, {&r.MethodName, fMethodName},
		{&r.Prep, fPrep}, {&r.Fraction, fFraction}, {&r.Batch, fBatch}, {&r.PrepBatch, fPrepBatch}, {&r.Instrument, fInstrument},
		{&r.UnitText, fUnit}, {&r.QualifierText, fQualifier}, {&r.ValidationText, fValidation},
	} {
		*t.to = f.text(row, t.field)
	}
	f.readCAS(row)
	f.readCodes(row)
	f.readQualifiers(row)
	f.readResult(row)
	for _, t := range []struct {
		to    *Figure
		field Field
	}{{&r.MDL, fMDL}, {&r.RL, fRL}, {&r.Dilution, fDilution}, {&r.Uncertainty, fUncertainty}, {&r.CoverageK, fCoverage}} {
		f.readFigure(row, t.to, t.field)
	}
	f.readDates(row, o, order)
	f.checkRow(row)
}

// shape refuses rows that do not have the cells of the header: their cells
// may stand under the wrong names. Empty cells at the end do not count.
func (f *File) shape(row *Row) bool {
	n := len(row.Cells)
	for n > len(f.Header) && strings.TrimSpace(row.Cells[n-1]) == "" {
		n--
	}
	if sheet.Swallowed(row.Cells) {
		f.problem(row.Line, "", UnclosedQuote, Error, "a quote opens in this line and is not closed for many lines", "该行有未闭合的引号")
		return false
	}
	switch {
	case n < len(f.Header):
		f.problem(row.Line, "", ShortRow, Error, fmt.Sprintf("%d cells where the header has %d", n, len(f.Header)), fmt.Sprintf("该行有 %d 个单元格，表头有 %d 个", n, len(f.Header)))
		return false
	case n > len(f.Header):
		f.problem(row.Line, "", LongRow, Error, fmt.Sprintf("%d cells where the header has %d", n, len(f.Header)), fmt.Sprintf("该行有 %d 个单元格，表头有 %d 个", n, len(f.Header)))
		return false
	}
	return true
}

func (f *File) readCAS(row *Row) {
	r := &row.Result
	r.CASText = strings.TrimSpace(f.cell(row, fCAS))
	r.CAS, r.CASState = CAS(r.CASText)
	switch r.CASState {
	case CASBadCheck:
		f.rowProblem(row, fCAS, CASBad, Warning, fmt.Sprintf("the check digit of CAS number %s is wrong", r.CASText), fmt.Sprintf("CAS 号 %s 校验位错误", r.CASText))
	case CASPseudo:
		f.rowProblem(row, fCAS, CASPseudoCode, Warning, fmt.Sprintf("%.40q is no CAS number but a code of someone's own", r.CASText), fmt.Sprintf("“%.40s”不是 CAS 号，而是自定义代码", r.CASText))
	}
	if r.Analyte == "" {
		r.Analyte = r.CAS
	}
}

// matrices maps codes and names of matrices to the words of the event format.
var matrices = map[string]string{
	"w": "water", "ws": "water", "wg": "water", "ww": "water", "wl": "water", "wq": "water", "gw": "water", "sw": "water", "water": "water", "groundwater": "water",
	"surfacewater": "water", "wastewater": "water", "aqueous": "water", "aq": "water", "liquid": "water",
	"水": "water", "水质": "water", "地表水": "water", "地下水": "water", "废水": "water", "污水": "water",
	"s": "soil", "so": "soil", "soil": "soil", "土壤": "soil", "se": "sediment", "sed": "sediment", "sediment": "sediment", "沉积物": "sediment", "底泥": "sediment",
	"sl": "sludge", "sludge": "sludge", "污泥": "sludge", "a": "air", "aa": "air", "air": "air", "gs": "air", "空气": "air", "废气": "air", "环境空气": "air",
	"oil": "oil", "油": "oil", "sq": "solid_waste", "solid": "solid_waste", "solidwaste": "solid_waste", "waste": "solid_waste", "固体废物": "solid_waste", "固废": "solid_waste", "危险废物": "solid_waste",
	"lw": "liquid_waste", "liquidwaste": "liquid_waste", "废液": "liquid_waste", "tclp": "leachate", "leachate": "leachate", "浸出液": "leachate",
	"tissue": "biota", "ta": "biota", "biota": "biota", "bio": "biota", "生物": "biota",
}

// qcCodes maps quality-control codes (EDF QCCODE, EQuIS sample_type_code) to
// names; "" is a real sample.
var qcCodes = map[string]string{
	"": "", "n": "", "cs": "", "nc": "", "tg": "", "样品": "", "实样": "",
	"lb": "method_blank", "lb1": "method_blank", "mb": "method_blank", "methodblank": "method_blank", "实验室空白": "method_blank", "全程空白": "field_blank",
	"bs": "lcs", "bs1": "lcs", "lcs": "lcs", "bd": "lcs_duplicate", "bd1": "lcs_duplicate", "lcsd": "lcs_duplicate",
	"ms": "matrix_spike", "ms1": "matrix_spike", "sd": "matrix_spike_duplicate", "sd1": "matrix_spike_duplicate", "msd": "matrix_spike_duplicate", "加标": "matrix_spike",
	"lr": "lab_duplicate", "lr1": "lab_duplicate", "dup": "lab_duplicate", "平行样": "lab_duplicate", "fd": "field_duplicate", "fr": "field_duplicate",
	"tb": "trip_blank", "fb": "field_blank", "eb": "equipment_blank", "rm": "reference_material", "crm": "reference_material", "标准样品": "reference_material",
}

func (f *File) readCodes(row *Row) {
	r := &row.Result
	if r.MatrixText != "" {
		r.Matrix = matrices[sheet.Fold(r.MatrixText)]
		if r.Matrix == "" {
			f.rowProblem(row, fMatrix, MatrixUnknown, Warning, fmt.Sprintf("the matrix %.40q is not known", r.MatrixText), fmt.Sprintf("未识别的样品类型“%.40s”", r.MatrixText))
		}
	}
	r.QC = f.text(row, fQC)
	if name, ok := qcCodes[sheet.Fold(r.QC)]; ok {
		r.QC = name
	}
	r.Basis = f.text(row, fBasis)
	switch strings.ToLower(r.Basis) {
	case "w", "wet", "湿基", "湿重":
		r.Basis = "wet"
	case "d", "dry", "干基", "干重":
		r.Basis = "dry"
	}
}

func (f *File) readQualifiers(row *Row) {
	r := &row.Result
	for _, q := range []struct {
		text  string
		field Field
		to    *[]string
	}{{r.QualifierText, fQualifier, &r.Qualifiers}, {f.text(row, fOperator), fOperator, &r.Qualifiers}, {r.ValidationText, fValidation, &r.Validation}} {
		codes, unknown := splitQualifiers(q.text)
		for _, c := range codes {
			if c != "=" {
				*q.to = append(*q.to, c)
			}
		}
		for _, u := range unknown {
			f.rowProblem(row, q.field, QualifierUnknown, Warning, fmt.Sprintf("the qualifier %.40q is not known; ask the laboratory what it means", u), fmt.Sprintf("未识别的限定符“%.40s”，请向实验室确认含义", u))
		}
	}
	switch strings.ToUpper(f.text(row, fDetect)) {
	case "Y", "YES", "TRUE", "TR", "是", "检出": // TR: trace, found
		r.Detection = Detected
	case "N", "NO", "FALSE", "否", "未检出":
		r.Detection = NotDetected
	}
	if f.text(row, fDetect) != "" && r.Detection == DetectUnknown {
		f.rowProblem(row, fDetect, DetectConflict, Warning, fmt.Sprintf("the detect flag is %.40q, not Y or N", f.text(row, fDetect)), fmt.Sprintf("检出标识为“%.40s”，应为 Y 或 N", f.text(row, fDetect)))
	}
}

var (
	notFound = regexp.MustCompile(`(?i)^(nd|n\.d\.|not detected|未检出|低于检出限|bdl|<\s*mdl|<\s*rl)$`)
	limited  = regexp.MustCompile(`(?i)^(?:nd|未检出)?\s*[(（]?\s*([<>＜＞≤≥])\s*([0-9.eE+-]+)\s*[)）]?$`)
	ndLimit  = regexp.MustCompile(`(?i)^(?:nd|未检出)\s*[(（]\s*([0-9.eE+-]+)\s*[)）]$`)
	chineseL = regexp.MustCompile(`^([0-9.]+)\s*[LＬ]$`)
)

// readResult reads the result cell: a number, "<0.5", "ND", "ND(0.5)", or (HJ
// 630 and others) "0.5L" for below the detection limit of 0.5.
func (f *File) readResult(row *Row) {
	r := &row.Result
	r.Text = strings.TrimSpace(f.cell(row, fResult))
	t := r.Text
	if sheet.Absent(t) {
		if saysNot(r.Qualifiers) || saysNot(r.Validation) || r.Detection == NotDetected {
			r.Detection = NotDetected
			return
		}
		f.missing(row, fResult, "result", "结果")
		return
	}
	number := t
	switch {
	case notFound.MatchString(t):
		f.notDetected(row)
		return
	case limited.MatchString(t):
		m := limited.FindStringSubmatch(t)
		r.Operator, number = strings.NewReplacer("＜", "<", "＞", ">", "≤", "<", "≥", ">").Replace(m[1]), m[2]
	case ndLimit.MatchString(t):
		r.Operator, number = "<", ndLimit.FindStringSubmatch(t)[1]
	case chineseL.MatchString(t):
		r.Operator, number = "<", chineseL.FindStringSubmatch(t)[1]
	}
	d, err := decimal.ParseScientific(strings.ReplaceAll(number, ",", ""))
	if err != nil || strings.Contains(number, ",") && !thousands.MatchString(number) {
		f.rowProblem(row, fResult, ResultUnreadable, Error, fmt.Sprintf("the result %.40q is no number and no known word for not detected", t), fmt.Sprintf("结果“%.40s”既不是数值，也不是未检出的表述", t))
		return
	}
	r.Value = &d
	if r.Operator == "<" {
		f.notDetected(row)
	}
}

var thousands = regexp.MustCompile(`^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$`)

// notDetected takes the result's word for it; a flag that says otherwise is a
// conflict.
func (f *File) notDetected(row *Row) {
	r := &row.Result
	if r.Detection == Detected {
		f.rowProblem(row, fDetect, DetectConflict, Warning, fmt.Sprintf("the flag says detected, the result %.40q says not", r.Text), fmt.Sprintf("检出标识为检出，但结果为“%.40s”", r.Text))
	}
	r.Detection = NotDetected
}

func (f *File) readFigure(row *Row, to *Figure, field Field) {
	to.Text = strings.TrimSpace(f.cell(row, field))
	if sheet.Absent(to.Text) {
		return
	}
	d, err := decimal.ParseScientific(to.Text)
	if err != nil || d.Sign() < 0 {
		f.rowProblem(row, field, LimitUnreadable, Error, fmt.Sprintf("%s is %.40q, not a number", f.name(field), to.Text), fmt.Sprintf("%s为“%.40s”，不是数值", f.name(field), to.Text))
		return
	}
	to.Value = &d
}

func (f *File) missing(row *Row, field Field, en, zh string) {
	f.rowProblem(row, field, Missing, Error, "the row has no "+en, "该行缺少"+zh)
}

// headerUnit is the unit that stands in brackets in the header of the result
// column, where there is no column of units.
func (f *File) headerUnit() string {
	i := f.column(fResult)
	if i < 0 || f.column(fUnit) >= 0 {
		return ""
	}
	h := strings.NewReplacer("（", "(", "）", ")").Replace(f.Header[i])
	_, rest, ok := strings.Cut(h, "(")
	if !ok {
		return ""
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), ")"))
}

// readUnit finds the unit; without it a figure says nothing.
func (f *File) readUnit(row *Row) {
	r := &row.Result
	field := fUnit
	if r.UnitText == "" {
		if r.UnitText = f.headerUnit(); r.UnitText == "" {
			f.missing(row, fUnit, "unit", "单位")
			return
		}
		field = fResult
	}
	u, ok := unit.Parse(r.UnitText)
	if !ok {
		f.rowProblem(row, field, UnitUnknown, Error, fmt.Sprintf("the unit %.40q is not known", r.UnitText), fmt.Sprintf("未识别的单位“%.40s”", r.UnitText))
		return
	}
	r.Unit = u.Code
}
