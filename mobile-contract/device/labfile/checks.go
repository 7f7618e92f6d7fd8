package labfile

import (
	"fmt"
	"strings"
)

// checkRow checks a row by itself, once it is read.
func (f *File) checkRow(row *Row) {
	r := &row.Result
	if r.SampleID == "" && r.SampleCode == "" && r.LabSampleID == "" {
		f.missing(row, fSample, "sample", "样品编号")
	}
	if r.Analyte == "" {
		f.missing(row, fAnalyte, "analyte", "检测项目")
	}
	if r.Method == "" {
		f.missing(row, fMethod, "method", "检测方法")
	}
	f.readUnit(row)
	f.checkDetection(row)
	f.checkLimits(row)
	f.checkOrder(row)
}

// checkDetection compares qualifiers, flag and result.
func (f *File) checkDetection(row *Row) {
	r := &row.Result
	not := saysNot(r.Qualifiers) || saysNot(r.Validation)
	switch {
	case not && r.Detection == Detected:
		f.rowProblem(row, fDetect, DetectConflict, Warning, "the flag says detected, the qualifier says not", "检出标识为检出，但限定符为未检出")
	case not:
		r.Detection = NotDetected
	case r.Detection == DetectUnknown && r.Value != nil:
		r.Detection = Detected
	}
	if r.Value != nil && r.Value.Sign() < 0 {
		f.rowProblem(row, fResult, NegativeResult, Warning, fmt.Sprintf("the result %s is negative", r.Text), fmt.Sprintf("结果 %s 为负值", r.Text))
	}
	if r.Detection == NotDetected && r.MDL.Value == nil && r.RL.Value == nil && r.Operator == "" {
		f.rowProblem(row, fMDL, NoLimit, Warning, "not detected, but no limit is given", "未检出，但未给出检出限")
	}
}

// checkLimits compares the result with MDL and RL, which are in the result's
// unit in every layout known here.
func (f *File) checkLimits(row *Row) {
	r := &row.Result
	if r.MDL.Value != nil && r.RL.Value != nil && r.MDL.Value.Cmp(*r.RL.Value) > 0 {
		f.rowProblem(row, fMDL, MDLOverRL, Warning, fmt.Sprintf("the detection limit %s is over the reporting limit %s", r.MDL.Text, r.RL.Text), fmt.Sprintf("检出限 %s 高于报告限 %s", r.MDL.Text, r.RL.Text))
	}
	if r.Value == nil || r.MDL.Value == nil || r.Operator != "" || r.Value.Cmp(*r.MDL.Value) >= 0 {
		return
	}
	qualified := saysNot(r.Qualifiers) || saysNot(r.Validation) || saysEstimated(r.Qualifiers) || saysEstimated(r.Validation) || r.Detection == NotDetected
	if !qualified {
		f.rowProblem(row, fResult, BelowMDL, Warning, fmt.Sprintf("the result %s is below the detection limit %s and has no qualifier", r.Text, r.MDL.Text), fmt.Sprintf("结果 %s 低于检出限 %s，但没有限定符", r.Text, r.MDL.Text))
	}
}

// checkRows finds rows that are the same determination.
func (f *File) checkRows() {
	first := map[string]*Row{}
	for i := range f.Rows {
		row := &f.Rows[i]
		r := &row.Result
		if r.Analyte == "" && r.CAS == "" {
			continue
		}
		substance := r.CAS
		if substance == "" {
			substance = strings.ToUpper(r.Analyte)
		}
		key := strings.Join([]string{r.SampleID, r.SampleCode, r.LabSampleID, substance, r.Method, r.Prep, r.Fraction, r.Basis, r.QC,
			r.Dilution.Text, r.Batch, r.PrepBatch, r.Analysed.Text, r.Sampled.Text, r.UnitText}, "\x00")
		old, twice := first[key]
		if !twice {
			first[key] = row
			continue
		}
		if old.Result.Text == r.Text {
			f.rowProblem(row, noField, DuplicateRow, Error, fmt.Sprintf("the same determination as line %d", old.Line), fmt.Sprintf("与第 %d 行为同一测定，重复", old.Line))
		} else {
			f.rowProblem(row, noField, ConflictingRow, Error, fmt.Sprintf("the same determination as line %d, which says %.40q and not %.40q", old.Line, old.Result.Text, r.Text),
				fmt.Sprintf("与第 %d 行为同一测定，但结果不同：“%.40s”与“%.40s”", old.Line, old.Result.Text, r.Text))
		}
	}
}
