package labfile

import (
	"strings"

	"fieldseal/mobile-contract/device/sheet"
)

// CAS reads a CAS registry number: two to seven digits, two digits, a check
// digit, with or without hyphens. The check digit is the sum of the other
// digits, each times its place from the right, modulo 10 (CAS, "Check Digit
// Verification"). A code with letters is pseudo; what is empty or NA is absent.
func CAS(text string) (number string, state CASState) {
	t := strings.TrimSpace(text)
	if sheet.Absent(t) {
		return "", CASAbsent
	}
	digits := strings.ReplaceAll(t, "-", "")
	if len(digits) < 5 || len(digits) > 10 || strings.Trim(digits, "0123456789") != "" {
		return "", CASPseudo
	}
	n := len(digits)
	number = digits[:n-3] + "-" + digits[n-3:n-1] + "-" + digits[n-1:]
	if strings.Contains(t, "-") && strings.TrimLeft(t, "0") != strings.TrimLeft(number, "0") {
		return "", CASPseudo // hyphens in other places
	}
	number = strings.TrimLeft(number, "0") // spreadsheets pad with zeros
	sum := 0
	for i := range n - 1 {
		sum += int(digits[n-2-i]-'0') * (i + 1)
	}
	if sum%10 != int(digits[n-1]-'0') || len(number) < len("50-00-0") {
		return number, CASBadCheck
	}
	return number, CASValid
}
