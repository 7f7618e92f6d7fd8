// Package conformance holds servers and clients of the mobile contract to its
// rules, from outside and without their help. Package servers judges a server by
// playing devices to it; package clients judges a client by playing a server that
// is honest in the end and neither reliable nor always truthful on the way.
//
// A judgement is a [Report]: one finding for each rule. A rule that was broken
// has a reason that says what was seen and what should have been; a rule that
// could not be tried says so and counts for nothing, neither way.
package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Outcome is what became of one rule.
type Outcome string

// The outcomes.
const (
	Pass     Outcome = "pass"
	Fail     Outcome = "fail"
	NotTried Outcome = "not_tried"
)

// Finding is the judgement under one rule.
type Finding struct {
	// Rule is its short name, group.rule; stable between versions.
	Rule string `json:"rule"`
	// Says is the rule in words.
	Says    string  `json:"says"`
	Outcome Outcome `json:"outcome"`
	// Reason is set where the outcome is not pass.
	Reason string `json:"reason,omitempty"`
	TookMS int64  `json:"took_ms"`
}

// Report is a judgement.
type Report struct {
	// Subject is who was judged.
	Subject  string    `json:"subject"`
	Findings []Finding `json:"findings"`
}

// notTried is an error that says why a rule could not be tried.
type notTried struct{ reason string }

func (e *notTried) Error() string { return e.reason }

// Untried gives the error with which a rule says that it could not be tried.
func Untried(format string, args ...any) error { return &notTried{fmt.Sprintf(format, args...)} }

// Judge runs one rule and adds its finding; an error other than that of [Untried] breaks the rule.
func (r *Report) Judge(rule, says string, try func() error) Finding {
	start := time.Now()
	f := Finding{Rule: rule, Says: says, Outcome: Pass}
	err := try()
	var un *notTried
	switch {
	case errors.As(err, &un):
		f.Outcome, f.Reason = NotTried, un.reason
	case err != nil:
		f.Outcome, f.Reason = Fail, err.Error()
	}
	f.TookMS = time.Since(start).Milliseconds()
	r.Findings = append(r.Findings, f)
	return f
}

// Count is how many findings have an outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, f := range r.Findings {
		if f.Outcome == o {
			n++
		}
	}
	return n
}

// Passed reports whether something was tried and no rule was broken.
func (r *Report) Passed() bool { return r.Count(Fail) == 0 && r.Count(Pass) > 0 }

// Of is the outcome of a rule; empty where there is no such finding.
func (r *Report) Of(rule string) Outcome {
	for _, f := range r.Findings {
		if f.Rule == rule {
			return f.Outcome
		}
	}
	return ""
}

var words = map[Outcome]string{Pass: "ok  ", Fail: "FAIL", NotTried: "-   "}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s  %-24s %s\n", words[f.Outcome], f.Rule, f.Says)
		if f.Reason != "" {
			fmt.Fprintf(&b, "%32s%s\n", "", strings.ReplaceAll(f.Reason, "\n", "\n"+strings.Repeat(" ", 32)))
		}
	}
	fmt.Fprintf(&b, "\n%s: %d rules kept, %d broken, %d not tried\n", r.Subject, r.Count(Pass), r.Count(Fail), r.Count(NotTried))
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
