package custody

import (
	"strconv"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "PHOTO_REUSED", severity: Fatal,
	source: "house rule, limits photo.reuse_distance, photo.reuse_time and photo.same_bits of the rule pack",
	title:  both("One picture for two occasions", "同一照片用于两处"),
	explain: both("The {file} of {event} has the same bytes as the {other} of {first}, yet the two are claimed for {what}.",
		"{event} 的{file}与 {first} 的{other}内容完全相同，却分别用于{what}。"),
	variants: map[string]Text{
		"near": both("The {file} of {event} looks the same as the {other} of {first} ({bits} of 64 bits of the perceptual hash differ), yet the two are claimed for {what}. They may be one picture, or two pictures of one scene.",
			"{event} 的{file}与 {first} 的{other}外观相同（感知哈希 64 位中有 {bits} 位不同），却分别用于{what}。可能为同一照片，也可能为同一场景的两张照片。"),
	},
	cure: both("Have the photographer say which claim is true and amend the other; compare both originals and their camera data.",
		"由拍摄人说明何者属实并更正另一记录；比对两份原件及其相机数据。"),
	find: findReusedPhotos,
})

func findReusedPhotos(v *view, report func(finding)) {
	for _, d := range v.files.digests {
		var first *fileUse
		for _, u := range v.files.byDigest[d] {
			if u.role != rolePhoto {
				continue
			}
			if first == nil {
				first = u
				continue
			}
			if what := v.apart(first, u); !what.IsZero() {
				report(reused("", first, u, 0, what))
			}
		}
	}
	done := map[*fileUse]bool{}
	for _, p := range v.lookalikes() {
		what := v.apart(p.first.use, p.second.use)
		if what.IsZero() || done[p.second.use] {
			continue
		}
		done[p.second.use] = true // one finding for each later picture: a burst would give one for each pair
		report(reused("near", p.first.use, p.second.use, p.bits, what))
	}
}

func reused(variant string, first, u *fileUse, bits int, what Text) finding {
	f := finding{variant: variant, item: &u.ref, acts: []*act{first.act, u.act}, args: args{
		"file": u.text(), "event": actText(u.act), "other": first.text(), "first": actText(first.act), "what": what,
	}}
	if first.ref != u.ref {
		f.also = []event.Ref{first.ref}
	}
	if variant == "near" {
		f.args["bits"] = str(strconv.Itoa(bits))
	}
	return f
}

// apart says in what two photos' claims exclude that they are one occasion: site,
// place or time. It is empty where they do not.
func (v *view) apart(x, y *fileUse) Text {
	var parts []Text
	a, b := x.act.now.(*event.PhotoCaptured), y.act.now.(*event.PhotoCaptured)
	if !a.Site.IsZero() && !b.Site.IsZero() && a.Site != b.Site {
		parts = append(parts, both("two sites ("+v.siteName(a.Site)+" and "+v.siteName(b.Site)+")", "两个场所（"+v.siteName(a.Site)+" 和 "+v.siteName(b.Site)+"）"))
	}
	if mm, ok := v.placesApart(x.act.Event.Place, y.act.Event.Place); ok && mm > milli(v.rules.Photo.ReuseDistance) {
		parts = append(parts, both("places "+metres(mm)+" m apart", "相距 "+metres(mm)+" 米的两处"))
	}
	if d := v.judged(y.act).Sub(v.judged(x.act)); d.Abs() > v.rules.Photo.ReuseTime.Duration() {
		t := span(d)
		parts = append(parts, both("times "+t.EN+" apart", "相隔 "+t.ZH+" 的两个时间"))
	}
	if len(parts) == 0 {
		return Text{}
	}
	return listedTexts(parts)
}

// placesApart is the least distance that two fixes leave open, in millimetres;
// ok is false where they cannot be compared.
func (v *view) placesApart(p, q *event.Place) (mm int64, ok bool) {
	if p == nil || q == nil {
		return 0, false
	}
	if !onEarth(p) || !onEarth(q) {
		return 0, false
	}
	a, slackA, okA := inWGS(pointOf(p), p.Datum)
	b, slackB, okB := inWGS(pointOf(q), q.Datum)
	if p.Datum == q.Datum {
		a, b, slackA, slackB, okA, okB = pointOf(p), pointOf(q), 0, 0, true, true
	}
	if !okA || !okB {
		return 0, false
	}
	return max(0, distanceMM(a, b)-slackA-slackB-accuracy(p)-accuracy(q)), true
}

// siteName is a site's name as last recorded; its id where it was not.
func (v *view) siteName(id event.UUID) string {
	name := id.String()
	for _, b := range concerning[*event.SiteRecorded](v, event.Ref{Kind: "site", ID: id}) {
		name = b.Name
	}
	return name
}

var _ = register(spec{
	code: "PHOTO_NO_LOCATION", severity: Warning,
	source: "house rule: a photo says where it was taken",
	title:  both("Photo without a location", "照片无位置信息"),
	explain: both("The {file} has no position: the device had no fix when it sealed it, and the picture's own data have none.",
		"{file}无位置信息：设备封存时没有定位，照片自身数据亦无位置。"),
	cure: both("Record in a note where it was taken and what in the picture shows it.", "以备注说明拍摄地点以及画面中可资证明之处。"),
	find: func(v *view, report func(finding)) {
		for a, b := range each[*event.PhotoCaptured](v) {
			if a.Event.Place == nil && (b.Exif == nil || b.Exif.GPSLatE7 == nil) && b.DerivativeOf.IsZero() {
				u := useOf(a)
				report(finding{item: &u.ref, acts: []*act{a}, args: args{"file": u.text()}})
			}
		}
	},
})

var _ = register(spec{
	code: "STALE_GPS_FIX", severity: Warning,
	source: "house rule, limit position.fix_age of the rule pack",
	title:  both("Position fix was old", "定位信息陈旧"),
	explain: both("{event} carries a fix made at {fix}, {age} before it was sealed, over the limit of {limit}: it shows where the device had been.",
		"{event} 所带定位于 {fix} 取得，早于封存 {age}，超过 {limit}：只能表明设备此前所在位置。"),
	variants: map[string]Text{
		"future": both("{event} carries a fix made at {fix}, {age} after it was sealed by the device's clock, over the limit of {limit}: one of the two clocks is wrong.",
			"{event} 所带定位取得时间 {fix} 比（设备时钟的）封存时间晚 {age}，超过 {limit}：两个时钟必有一误。"),
	},
	cure: both("Record in a note where the device was, and what shows it.", "以备注说明设备当时所在位置及依据。"),
	find: func(v *view, report func(finding)) {
		for _, a := range v.acts {
			p := a.Event.Place
			item, ok := evidencePlace(a)
			if p == nil || p.FixTime == "" || !ok {
				continue
			}
			age := v.judged(a).Sub(p.FixTime.Time())
			if age.Abs() <= v.rules.Position.FixAge.Duration() {
				continue
			}
			variant := ""
			if age < 0 {
				variant = "future"
			}
			report(finding{variant: variant, item: &item, acts: []*act{a}, args: args{
				"event": actText(a), "fix": when(p.FixTime), "age": span(age), "limit": limit(v.rules.Position.FixAge)}})
		}
	},
})

// evidencePlace is the thing whose place an act's fix is evidence for; ok is false for
// acts whose place proves nothing.
func evidencePlace(a *act) (event.Ref, bool) {
	switch b := a.now.(type) {
	case *event.PhotoCaptured:
		return event.Ref{Kind: "photo", ID: b.Photo}, b.DerivativeOf.IsZero()
	case *event.SampleCollected:
		return event.Ref{Kind: "sample", ID: b.Sample}, !madeElsewhere(b)
	case *event.SiteRecorded:
		return event.Ref{Kind: "site", ID: b.Site}, true
	case *event.AirStarted:
		return event.Ref{Kind: "series", ID: b.Series}, true
	}
	return event.Ref{}, false
}
