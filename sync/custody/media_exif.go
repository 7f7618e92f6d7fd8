package custody

import (
	"strings"
	"time"

	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "EXIF_GPS_TIME_CONFLICT", severity: Curable,
	source: "house rule, limit photo.time_conflict of the rule pack",
	title:  both("Times within a picture contradict each other", "照片内部时间相互矛盾"),
	explain: both("The {file}: its camera time is {camera} ({zone}), its satellite time {gps}; they differ by {by}, over the limit of {limit}.",
		"{file}：相机时间为 {camera}（{zone}），卫星时间为 {gps}；相差 {by}，超过 {limit}。"),
	variants: map[string]Text{
		"sealed": both("The {file}: its camera time is {camera} ({zone}), but it was sealed at {sealed} by the device's clock; they differ by {by}, over the limit of {limit}. It may have been taken on another occasion than it was sealed on.",
			"{file}：相机时间为 {camera}（{zone}），而（按设备时钟）封存时间为 {sealed}；相差 {by}，超过 {limit}。拍摄与封存可能不在同一时机。"),
	},
	cure: both("Have the photographer explain the difference in a note (clock not set, old fix, picture from another camera).",
		"由拍摄人以备注说明差异原因（时钟未校准、定位陈旧或照片来自其他相机）。"),
	find: findTimeConflicts,
})

func findTimeConflicts(v *view, report func(finding)) {
	most := v.rules.Photo.TimeConflict.Duration()
	for a, b := range each[*event.PhotoCaptured](v) {
		camera, zone, ok := cameraTime(a, b)
		if !ok {
			continue
		}
		u := useOf(a)
		facts := func(by time.Duration) args {
			return args{"file": u.text(), "camera": clock(camera), "zone": zone, "by": span(by), "limit": limit(v.rules.Photo.TimeConflict)}
		}
		if gps := b.Exif.GPSTime.Time(); !gps.IsZero() {
			if by := camera.Sub(gps); by.Abs() > most {
				f := facts(by)
				f["gps"] = clock(gps)
				report(finding{item: &u.ref, acts: []*act{a}, args: f})
			}
		}
		// A derivative is made later than its original was taken.
		if by := a.at.Sub(camera); by.Abs() > most && b.DerivativeOf.IsZero() {
			f := facts(by)
			f["sealed"] = clock(a.at)
			report(finding{variant: "sealed", item: &u.ref, acts: []*act{a}, args: f})
		}
	}
}

// cameraTime reads a picture's local time. Where the picture states no zone it is
// read in that of the device that sealed it, and the finding says so.
func cameraTime(a *act, b *event.PhotoCaptured) (t time.Time, zone Text, ok bool) {
	if b.Exif == nil || b.Exif.Time == "" {
		return t, zone, false
	}
	loc := a.at.Location()
	zone = both("no zone in the picture, read in the device's", "照片未注明时区，按设备时区解读")
	if b.Exif.Offset != "" {
		o, err := time.Parse("-07:00", strings.TrimSpace(b.Exif.Offset))
		if err != nil {
			return t, zone, false
		}
		_, seconds := o.Zone()
		loc, zone = time.FixedZone("", seconds), both("zone "+b.Exif.Offset+" by the picture", "照片注明时区 "+b.Exif.Offset)
	}
	for _, layout := range []string{"2006:01:02 15:04:05", "2006:01:02 15:04:05.999999999", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, strings.TrimSpace(b.Exif.Time), loc); err == nil {
			return t, zone, t.Year() >= 1990 // earlier ones are clocks that were never set, such as 1970 or 1980
		}
	}
	return t, zone, false
}

var _ = register(spec{
	code: "EXIF_PLACE_CONFLICT", severity: Curable,
	source: "house rule, limit photo.place_conflict of the rule pack",
	title:  both("Picture and event give two places", "照片与事件位置不一致"),
	explain: both("The {file}: the picture's own position {picture} lies at least {distance} m from the position that the device sealed with it, {sealed}; the limit is {limit}.",
		"{file}：照片自身位置 {picture} 与设备一并封存的位置 {sealed} 至少相距 {distance} 米，限值为 {limit}。"),
	cure: both("Have the photographer explain in a note where the picture was taken and which position is right.",
		"由拍摄人以备注说明拍摄地点以及何者正确。"),
	find: func(v *view, report func(finding)) {
		for a, b := range each[*event.PhotoCaptured](v) {
			if a.Event.Place == nil || b.Exif == nil || b.Exif.GPSLatE7 == nil || !b.DerivativeOf.IsZero() {
				continue
			}
			mm, ok := v.leastApart(a.Event.Place, b.Exif)
			if !ok || mm <= milli(v.rules.Photo.PlaceConflict) {
				continue
			}
			u := useOf(a)
			report(finding{item: &u.ref, acts: []*act{a}, args: args{
				"file": u.text(), "distance": str(metres(mm)), "sealed": placeText(a.Event.Place), "limit": valueText(v.rules.Photo.PlaceConflict),
				"picture": str(e7Text(*b.Exif.GPSLatE7) + ", " + e7Text(*b.Exif.GPSLonE7) + " " + str(b.Exif.GPSDatum).EN),
			}})
		}
	},
})

// leastApart is the distance of a picture's own position from a fix. A picture
// that names no datum that is known here may be in either one: the nearer counts.
func (v *view) leastApart(p *event.Place, x *event.Exif) (mm int64, ok bool) {
	datums := []event.Datum{"WGS-84", "GCJ-02"}
	switch strings.ToUpper(strings.ReplaceAll(x.GPSDatum, "-", "")) {
	case "WGS84":
		datums = datums[:1]
	case "GCJ02":
		datums = datums[1:]
	}
	for _, d := range datums {
		q := &event.Place{LatE7: *x.GPSLatE7, LonE7: *x.GPSLonE7, Datum: d, AccuracyMM: max(0, x.GPSErrorMM)}
		if n, can := v.placesApart(p, q); can && (!ok || n < mm) {
			mm, ok = n, true
		}
	}
	return mm, ok
}
