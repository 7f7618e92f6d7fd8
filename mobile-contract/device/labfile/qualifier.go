package labfile

import (
	"sort"
	"strings"

	"fieldseal/mobile-contract/device/sheet"
)

// Qualifier is what a qualifier letter means.
type Qualifier struct {
	Code, EN, ZH string
	nonDetect    bool
	estimated    bool
}

// qualifiers are those of the EPA's functional guidelines and common
// laboratory practice. Laboratories define others; those are kept and warned
// of.
var qualifiers = func() map[string]Qualifier {
	m := map[string]Qualifier{}
	for _, q := range []Qualifier{
		{"U", "not detected", "未检出", true, false},
		{"ND", "not detected", "未检出", true, false},
		{"<", "less than the limit given", "低于所列限值", true, false},
		{"J", "estimated", "估计值", false, true},
		{"J+", "estimated, may be high", "估计值，可能偏高", false, true},
		{"J-", "estimated, may be low", "估计值，可能偏低", false, true},
		{"UJ", "not detected, limit estimated", "未检出，检出限为估计值", true, true},
		{"NJ", "tentatively identified, estimated", "暂定，估计值", false, true},
		{"TR", "trace, between the limits", "痕量", false, true},
		{"B", "found in the blank, or (inorganic) between the limits", "空白检出，或（无机）介于检出限与报告限之间", false, true},
		{"BL", "found in the blank", "空白检出", false, false},
		{"E", "over the calibration range", "超出校准范围", false, true},
		{"D", "from a dilution", "稀释后测定", false, false},
		{"H", "holding time exceeded", "超过保存时限", false, false},
		{"N", "tentatively identified, or spike recovery out of limits", "暂定，或加标回收率超限", false, false},
		{"P", "two columns differ", "双柱结果不一致", false, false},
		{"R", "rejected", "数据被否决", false, false},
		{"Q", "quality control out of limits", "质控超限", false, false},
		{"C", "confirmed, or calibration out of limits", "已确认，或校准超限", false, false},
		{"M", "matrix interference", "基体干扰", false, false},
		{"S", "surrogate out of limits", "替代物回收率超限", false, false},
		{"T", "tentatively identified", "暂定化合物", false, false},
		{"X", "see the laboratory's note", "见实验室说明", false, false},
		{"*", "duplicate or control out of limits", "平行样或质控超限", false, false},
		{"=", "detected as reported", "如实检出", false, false},
		{"未检出", "not detected", "未检出", true, false},
	} {
		m[q.Code] = q
	}
	return m
}()

// Qualifiers lists the qualifiers that are known, by code.
func Qualifiers() []Qualifier {
	out := make([]Qualifier, 0, len(qualifiers))
	for _, q := range qualifiers {
		out = append(out, q)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Code < out[j].Code })
	return out
}

// splitQualifiers takes mixed qualifiers apart: "U,H", "B J", "JB". Letters
// without a separator are tried as a whole first, then letter by letter;
// unknown ones stay whole.
func splitQualifiers(text string) (codes, unknown []string) {
	if sheet.Absent(text) {
		return nil, nil
	}
	for _, t := range strings.FieldsFunc(strings.ToUpper(text), func(r rune) bool { return strings.ContainsRune(",;/| \t、，；", r) }) {
		if _, ok := qualifiers[t]; ok {
			codes = append(codes, t)
			continue
		}
		parts := letters(t)
		if parts == nil {
			codes, unknown = append(codes, t), append(unknown, t)
			continue
		}
		codes = append(codes, parts...)
	}
	return codes, unknown
}

// letters splits a run into known one-letter qualifiers, taking + and - with J.
func letters(t string) []string {
	const most = 6 // longer runs are words, not qualifiers
	if len(t) > most {
		return nil
	}
	var out []string
	for i := 0; i < len(t); i++ {
		n := 1
		if t[i] == 'J' && i+1 < len(t) && (t[i+1] == '+' || t[i+1] == '-') {
			n = 2
		}
		if _, ok := qualifiers[t[i:i+n]]; !ok {
			return nil
		}
		out = append(out, t[i:i+n])
		i += n - 1
	}
	return out
}

// saysNot reports whether any of the codes means not detected.
func saysNot(codes []string) bool {
	for _, c := range codes {
		if qualifiers[c].nonDetect {
			return true
		}
	}
	return false
}

// saysEstimated reports whether any of the codes means estimated.
func saysEstimated(codes []string) bool {
	for _, c := range codes {
		if qualifiers[c].estimated {
			return true
		}
	}
	return false
}
