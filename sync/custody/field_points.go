package custody

import (
	"fmt"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "POINT_OUTSIDE_SITE", severity: Fatal,
	source: "house rule, tolerance position.site_tolerance of the rule pack",
	title:  both("Sampling point outside the site", "采样点位于场所之外"),
	explain: both("Sample {label} was sealed at {point}, {distance} m outside {site}; {allowed} m is the most that accuracy and tolerance explain ({parts}).",
		"样品 {label} 的封存位置为 {point}，位于 {site} 之外 {distance} 米；定位精度和容差最多可解释 {allowed} 米（{parts}）。"),
	variants: map[string]Text{
		"radius": both("Sample {label} was sealed at {point}, {distance} m from the centre of {site}, whose outline is not recorded; {allowed} m is the most that its reach, accuracy and tolerance explain ({parts}).",
			"样品 {label} 的封存位置为 {point}，距 {site} 中心 {distance} 米，该场所未记录边界；其范围、定位精度和容差最多可解释 {allowed} 米（{parts}）。"),
	},
	cure: both("If the point is right, record the site it belongs to; if the outline is too narrow, record the site again with its true outline and say on what it rests.",
		"点位无误的，记录其所属场所；边界过窄的，重新记录真实边界并说明依据。"),
	find: func(v *view, report func(finding)) { v.findPoints("POINT_OUTSIDE_SITE", report) },
})

var _ = register(spec{
	code: "POINT_NOT_COMPARABLE", severity: Warning,
	source: "house rule: a datum is never guessed",
	title:  both("Sampling point cannot be compared with the site", "采样点无法与场所比对"),
	explain: both("Sample {label} lies at {point}, {site} at {centre}; the datums cannot be converted into each other there, so nothing is said about their distance.",
		"样品 {label} 位于 {point}，{site} 位于 {centre}；两种坐标系在该处无法换算，故不就距离作出判断。"),
	variants: map[string]Text{
		"accuracy": both("Sample {label} was sealed at {point}, {distance} m outside {site}; the accuracy of the fix is not recorded, so that it may have been inside.",
			"样品 {label} 的封存位置为 {point}，位于 {site} 之外 {distance} 米；该定位未记录精度，实际可能在场所之内。"),
	},
	cure: both("Record the point or the site again with datum and accuracy stated.", "重新记录点位或场所，写明坐标系和精度。"),
	find: func(v *view, report func(finding)) { v.findPoints("POINT_NOT_COMPARABLE", report) },
})

// placing is a sample's point against its site.
type placing struct {
	act  *act
	body *event.SampleCollected
	site *event.SiteRecorded
}

// findPoints compares every sample's fix with its site and reports what belongs
// to one code.
func (v *view) findPoints(code Code, report func(finding)) {
	sites := map[event.UUID]*event.SiteRecorded{}
	for _, b := range each[*event.SiteRecorded](v) {
		sites[b.Site] = b
	}
	for a, b := range each[*event.SampleCollected](v) {
		if a.Event.Place == nil || sites[b.Site] == nil || madeElsewhere(b) {
			continue
		}
		if c, f, bad := v.judgePoint(placing{a, b, sites[b.Site]}); bad && c == code {
			f.item, f.acts = &event.Ref{Kind: "sample", ID: b.Sample}, []*act{a}
			report(f)
		}
	}
}

func (v *view) judgePoint(p placing) (Code, finding, bool) {
	fix, centre := p.act.Event.Place, &p.site.Centre
	facts := args{"label": str(p.body.Label), "site": str(p.site.Name), "point": placeText(fix), "centre": placeText(centre)}
	here, slackHere, ok := inWGS(pointOf(fix), fix.Datum)
	middle, slackSite, okSite := inWGS(pointOf(centre), centre.Datum)
	if fix.Datum == centre.Datum { // no conversion, so none that could fail or be off
		here, middle, slackHere, slackSite, ok, okSite = pointOf(fix), pointOf(centre), 0, 0, true, true
	}
	if !ok || !okSite {
		return "POINT_NOT_COMPARABLE", finding{args: facts}, true
	}
	tolerance := milli(v.rules.Position.SiteTolerance)
	allowed := accuracy(fix) + accuracy(centre) + slackHere + slackSite + tolerance
	parts := fmt.Sprintf("%s + %s + %s + %s m", metres(accuracy(fix)), metres(accuracy(centre)), metres(slackHere+slackSite), metres(tolerance))
	out, variant := int64(0), ""
	if len(p.site.Outline) > 0 {
		out = outsideMM(here, outline(p.site, fix.Datum == centre.Datum))
	} else {
		out, variant = distanceMM(here, middle), "radius"
		reach := milli(v.rules.Position.SiteRadius)
		allowed += reach
		parts = metres(reach) + " + " + parts
	}
	if out <= allowed {
		return "", finding{}, false
	}
	facts["distance"], facts["allowed"], facts["parts"] = str(metres(out)), str(metres(allowed)), str(parts)
	if fix.AccuracyMM == 0 && out-allowed <= milli(v.rules.Position.SiteRadius) {
		return "POINT_NOT_COMPARABLE", finding{variant: "accuracy", args: facts}, true
	}
	return "POINT_OUTSIDE_SITE", finding{variant: variant, args: facts}, true
}

// outline is a site's corners, as recorded or in WGS-84. The centre could be
// converted; a corner that could not stays where it is, which is within the
// same country by the size of any site.
func outline(b *event.SiteRecorded, asRecorded bool) []point {
	corners := make([]point, len(b.Outline))
	for i, o := range b.Outline {
		corners[i] = point{o[0], o[1]}
		if !asRecorded {
			corners[i], _, _ = inWGS(corners[i], b.Centre.Datum)
		}
	}
	return corners
}

// metres words millimetres as metres with one decimal place.
func metres(mm int64) string { return fmt.Sprintf("%d.%d", mm/1000, mm%1000/100) }

// placeText words a position with its datum and accuracy.
func placeText(p *event.Place) Text {
	text := e7Text(p.LatE7) + ", " + e7Text(p.LonE7) + " " + string(p.Datum)
	if p.AccuracyMM > 0 {
		text += " ±" + metres(p.AccuracyMM) + " m"
	}
	return str(text)
}

// e7Text words an angle in 1e-7 degree.
func e7Text(e7 int64) string {
	sign := ""
	if e7 < 0 {
		sign, e7 = "-", -e7
	}
	return fmt.Sprintf("%s%d.%07d", sign, e7/1e7, e7%1e7)
}
