package custody

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// amendment is a correction and what became of it.
type amendment struct {
	act    *act
	body   *event.EventAmended
	target *act
	// problem says why it has no effect; nil where it has.
	problem *problem
}

// problem is a reason with its facts.
type problem struct {
	name string
	text Text
}

// amend gives each act its later view. The original body is never touched: a
// change is made in a copy of the body's JSON, which is then read as strictly
// as the original was.
//
// Amendments can themselves be amended, so they are settled from the last to
// the first in causal order: when one is settled, all that concern it have been.
func (v *view) amend() {
	pending := map[*act][]*amendment{}
	for a, b := range eachOriginal[*event.EventAmended](v) {
		v.amending = append(v.amending, &amendment{act: a, body: b, target: v.byID[b.Target]})
	}
	for _, m := range slices.Backward(v.amending) {
		v.rewrite(m.act, pending[m.act])
		switch body, ok := m.act.now.(*event.EventAmended); {
		case !ok:
			m.problem = &problem{"withdrawn", both("the correction was itself withdrawn", "该更正本身已被撤回")}
		case body.Target != m.body.Target:
			m.problem = &problem{"retargeted", both("a correction of the correction names another target", "对该更正的更正指向了另一事件")}
		default:
			m.body = body
			m.problem = v.mayAmend(m)
		}
		if m.problem == nil {
			pending[m.target] = append(pending[m.target], m)
		}
	}
	for _, a := range v.acts {
		if list := pending[a]; len(list) > 0 && event.TypeEventAmended != a.Event.Type {
			v.rewrite(a, list)
		}
	}
}

// mayAmend says why an amendment cannot take effect at all.
func (v *view) mayAmend(m *amendment) *problem {
	t := m.target
	switch {
	case t == nil:
		return &problem{"target_unknown", both("the event that it corrects is not among the events of this case", "被更正的事件不在本案事件之中")}
	case t.Event.Type.AuthorityOnly():
		return &problem{"authority", both("only the authority can correct what it decided, by a new decision", "登记机关的决定只能由其以新的决定更正")}
	case (t.Event.Actor != m.act.Event.Actor || v.posed(m.act)) && (v.orgOf(t).IsZero() || v.orgOf(t) != v.orgOf(m.act)):
		return &problem{"foreign", both("it was made by somebody of another organisation than the one whose record it changes", "更正人与原记录人不属于同一单位")}
	}
	return nil
}

// rewrite applies amendments, which come latest first, to a.
func (v *view) rewrite(a *act, latestFirst []*amendment) {
	raw := a.Event.Body
	for _, m := range slices.Backward(latestFirst) {
		if m.body.Void {
			a.now, a.voided = nil, m.act
			a.amendments = append(a.amendments, m.act)
			return
		}
		changed, err := applyChanges(raw, m.body.Changes)
		var body event.Body
		if err == nil {
			body, err = event.ParseBody(a.Event.Type, changed)
		}
		if err != nil {
			m.problem = &problem{"conflict", both("its changes do not fit the record: "+err.Error(), "所列更改与原记录不符："+err.Error())}
			continue
		}
		raw, a.now = changed, body
		a.amendments = append(a.amendments, m.act)
	}
}

var errPointer = errors.New("no such member")

// applyChanges returns a copy of a body with every change made, or none and an error.
func applyChanges(raw jsontext.Value, changes []event.Change) (jsontext.Value, error) {
	for _, c := range changes {
		path := strings.Split(c.Path[1:], "/")
		for i, p := range path {
			path[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
		}
		var err error
		if raw, err = change(raw, path, c.Old, c.New); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	return raw, nil
}

// change replaces the value at path below raw.
func change(raw jsontext.Value, path []string, before, after string) (jsontext.Value, error) {
	if len(path) == 0 {
		return replace(raw, before, after)
	}
	switch raw.Kind() {
	case '{':
		return changeMember(raw, path, before, after)
	case '[':
		return changeElement(raw, path, before, after)
	}
	return nil, fmt.Errorf("%w: %q is below a value that has no members", errPointer, path[0])
}

func changeMember(raw jsontext.Value, path []string, before, after string) (jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	member, there := members[path[0]]
	if !there && len(path) > 1 {
		return nil, fmt.Errorf("%w: %q", errPointer, path[0])
	}
	member, err := change(member, path[1:], before, after)
	if err != nil {
		return nil, err
	}
	if members[path[0]] = member; member == nil {
		delete(members, path[0])
	}
	return json.Marshal(members, json.Deterministic(true))
}

// changeElement changes, removes or (index "-", RFC 6901) appends an element.
func changeElement(raw jsontext.Value, path []string, before, after string) (jsontext.Value, error) {
	var list []jsontext.Value
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if path[0] == "-" && len(path) == 1 {
		list = append(list, nil)
		path = []string{strconv.Itoa(len(list) - 1)}
	}
	i, err := strconv.Atoi(path[0])
	if err != nil || i < 0 || i >= len(list) || strconv.Itoa(i) != path[0] {
		return nil, fmt.Errorf("%w: element %q of %d", errPointer, path[0], len(list))
	}
	if list[i], err = change(list[i], path[1:], before, after); err != nil {
		return nil, err
	}
	if list[i] == nil {
		list = slices.Delete(list, i, i+1)
	}
	return json.Marshal(list)
}

// replace checks that the amender saw what stands there before it is replaced.
func replace(raw jsontext.Value, before, after string) (jsontext.Value, error) {
	was, err := plain(string(raw))
	if err != nil {
		return nil, err
	}
	said, err := plain(before)
	if err != nil {
		return nil, fmt.Errorf("the old value is not JSON: %w", err)
	}
	if was != said {
		return nil, fmt.Errorf("the record has %s where the correction expects %s", shown(was), shown(said))
	}
	next, err := plain(after)
	if err != nil {
		return nil, fmt.Errorf("the new value is not JSON: %w", err)
	}
	if next == "" {
		return nil, nil
	}
	return jsontext.Value(next), nil
}

// plain writes a JSON text in one form: no white space, members in order. An
// empty text, for an absent member, stays empty.
func plain(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	val := jsontext.Value(slices.Clone([]byte(text)))
	if err := val.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(false)); err != nil {
		return "", err
	}
	return string(val), nil
}

func shown(text string) string {
	const most = 120 // enough to recognise a value, short enough for a report
	if text == "" {
		return "nothing"
	}
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// amendmentInfos lists every amendment in causal order.
func (v *view) amendmentInfos() []AmendmentInfo {
	var list []AmendmentInfo
	for _, m := range v.amending {
		info := AmendmentInfo{
			Event: m.act.ID, Target: m.body.Target, By: v.personName(m.act.Event.Actor),
			At: m.act.Event.Clock.Wall, Reason: m.body.Reason, Void: m.body.Void, Applied: m.problem == nil,
		}
		if m.problem != nil {
			info.Problem = m.problem.text
		}
		for _, c := range m.body.Changes {
			info.Changes = append(info.Changes, ChangeInfo(c))
		}
		list = append(list, info)
	}
	return list
}

var _ = register(spec{
	code: "AMENDMENT_NOT_APPLIED", severity: Curable, source: "house rule: a correction is an event that names what it amends and why",
	title:   both("Correction without effect", "更正未生效"),
	explain: both("{who} corrected a record on {at} (reason: {reason}), but the correction has no effect: {problem}.", "{who} 于 {at} 更正了一项记录（理由：{reason}），但该更正未生效：{problem}。"),
	cure:    both("The person who made the record, or somebody of the same organisation, seals a new correction that names the event and repeats the old value exactly; whoever made this one withdraws it.", "由原记录人或同单位人员重新作出更正，指明事件并准确复述原值；并由本更正的作出者将其撤回。"),
	find:    findAmendmentNotApplied,
})

func findAmendmentNotApplied(v *view, report func(finding)) {
	for _, m := range v.amending {
		if m.problem == nil || m.problem.name == "withdrawn" {
			continue
		}
		report(finding{
			acts: []*act{m.act, m.target}, absent: m.problem.name == "target_unknown",
			args: args{"who": v.actor(m.act), "at": when(m.act.Event.Clock.Wall), "reason": str(m.body.Reason), "problem": m.problem.text},
		})
	}
}
