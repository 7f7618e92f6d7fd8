package custody

import (
	"fieldseal/sync/event"
)

var _ = register(spec{
	code: "MEDIA_MISSING", severity: Curable, absence: true,
	source: "house rule: an event whose file has not arrived is shown with how much is there",
	title:  both("File has not arrived", "文件尚未到达"),
	explain: both("The {file} was sealed with digest {digest} and {size} bytes; {have} of them have arrived.",
		"{file}封存时的摘要为 {digest}，大小 {size} 字节；已到达 {have} 字节。"),
	cure: both("Let the device that has the file upload it, or hand in the file by other means: its digest shows that it is the one.",
		"由持有该文件的设备上传，或以其他方式提交；摘要可证明其为同一文件。"),
	find: func(v *view, report func(finding)) {
		if v.in.Media == nil {
			return
		}
		for _, d := range v.files.digests {
			m := v.in.Media[d]
			if m.Status == MediaArrived || m.Status == MediaMismatch || len(v.files.arrivals[d]) > 0 {
				continue
			}
			report(v.aboutFile(d, args{"have": count(m.Have)}))
		}
	},
})

// aboutFile is a finding about a file, with every event that names it.
func (v *view) aboutFile(d event.Digest, facts args) finding {
	uses := v.files.byDigest[d]
	f := finding{item: &uses[0].ref, args: facts}
	var also refList
	facts["file"], facts["digest"], facts["size"] = uses[0].text(), str(d.String()), count(uses[0].media.Size)
	for _, u := range uses {
		if len(f.acts) < maxListed {
			f.acts = append(f.acts, u.act)
		}
		if u.ref != *f.item {
			also.add(u.ref)
		}
	}
	f.also = also.list
	return f
}

var _ = register(spec{
	code: "HASH_MISMATCH", severity: Fatal,
	source: "法发〔2016〕22号 art. 5: electronic data are protected by their hash; FRE 902(14)",
	title:  both("Digest does not match", "摘要不一致"),
	explain: both("The {file} was sealed with digest {digest}; the bytes that arrived for it have {got}. They are kept apart and are not the file.",
		"{file}封存时的摘要为 {digest}，而到达的内容摘要为 {got}。到达内容已另行保存，不是该文件。"),
	variants: map[string]Text{
		"figures": both("Segment {n} of {series} says of channel {channel}: {says}. Its own sealed bytes come to: {reads}.",
			"{series} 第 {n} 段就通道 {channel} 载明：{says}；而其自身封存的原始数据计算结果为：{reads}。"),
		"rows": both("Segment {n} of {series} says that it holds {says}; its own sealed bytes hold {reads}.",
			"{series} 第 {n} 段载明含 {says}；而其自身封存的原始数据含 {reads}。"),
		"times": both("Segment {n} of {series} says that its first or last row is of {says}; by its own sealed bytes that row is of {reads}.",
			"{series} 第 {n} 段载明首行或末行时间为 {says}；而其自身封存的原始数据为 {reads}。"),
	},
	cure: both("Find the file with the sealed digest on the device that took it; what arrived instead is to be explained by who sent it.",
		"在拍摄或采集设备上找出摘要与封存一致的文件；实际到达的内容由发送人说明。"),
	cures: map[string]Text{
		"figures": both("Use figures worked out from the sealed bytes; have the maker of the capture program explain the difference.",
			"以封存原始数据计算的数值为准；由采集程序的提供方说明差异原因。"),
		"rows": both("Use figures worked out from the sealed bytes; have the maker of the capture program explain the difference.",
			"以封存原始数据计算的数值为准；由采集程序的提供方说明差异原因。"),
		"times": both("Use the times in the sealed bytes; have the maker of the capture program explain the difference.",
			"以封存原始数据中的时间为准；由采集程序的提供方说明差异原因。"),
	},
	find: findHashMismatches,
})

func findHashMismatches(v *view, report func(finding)) {
	for _, d := range v.files.digests {
		m, strays := v.in.Media[d], v.files.strays[d]
		// Where the right bytes came after all, the wrong ones are history and no defect.
		if m.Status == MediaArrived || len(v.files.arrivals[d]) > 0 || m.Status != MediaMismatch && len(strays) == 0 {
			continue
		}
		got := m.Got
		if got.IsZero() && len(strays) > 0 {
			got = strays[len(strays)-1].body.Got
		}
		f := v.aboutFile(d, args{"got": str(got.String())})
		for _, s := range strays {
			f.acts = append(f.acts, s.act)
		}
		report(f)
	}
	for i := range v.series {
		for _, m := range v.series[i].mismatches {
			report(m)
		}
	}
}

var _ = register(spec{
	code: "DERIVATIVE_AS_ORIGINAL", severity: Fatal,
	source: "house rule: originals and what was made from them are kept apart; 法发〔2016〕22号 art. 5: the original medium first",
	title:  both("Derivative in place of an original", "以衍生件代替原件"),
	explain: both("The {file} is brought as an original by {event}, but {other} says that the same bytes were made from the file with digest {original} ({derivation}).",
		"{file}在 {event} 中作为原件提交，但 {other} 载明同一内容系由摘要为 {original} 的文件制作而成（{derivation}）。"),
	variants: map[string]Text{
		"no_original": both("The {file} was made from the file with digest {original} ({derivation}), which is nowhere in this record.",
			"{file}系由摘要为 {original} 的文件制作而成（{derivation}），而该文件未见于本记录。"),
		"copy": both("The {file} looks the same as {other} ({bits} of 64 bits of the perceptual hash differ), has fewer pixels ({pixels} against {more}) and none of the camera's data: it may be a copy of it, yet is brought as an original.",
			"{file}与 {other} 外观相同（感知哈希 64 位中有 {bits} 位不同），像素更少（{pixels} 对 {more}），且不含相机数据：可能是其副本，却作为原件提交。"),
	},
	cure: both("Bring the original file; amend the record of the derivative with what it was made from and how.",
		"提交原始文件；更正衍生件的记录，写明其来源和制作方法。"),
	find: findDerivatives,
})

func findDerivatives(v *view, report func(finding)) {
	for _, d := range v.files.digests {
		uses := v.files.byDigest[d]
		derived := derivedUse(uses)
		if derived == nil {
			continue
		}
		facts := args{"file": derived.text(), "original": str(derived.original.String()), "derivation": str(derived.derivation), "other": actText(derived.act)}
		for _, u := range uses {
			if u.original.IsZero() && (u.role == rolePhoto || u.role == roleFile) {
				f := facts
				f["event"] = actText(u.act)
				report(finding{item: &u.ref, also: []event.Ref{derived.ref}, acts: []*act{u.act, derived.act}, args: f})
				break
			}
		}
		if _, known := v.in.Media[derived.original]; !known && len(v.files.byDigest[derived.original]) == 0 && len(v.files.arrivals[derived.original]) == 0 {
			report(finding{variant: "no_original", absent: true, item: &derived.ref, acts: []*act{derived.act},
				args: args{"file": derived.text(), "original": str(derived.original.String()), "derivation": str(derived.derivation)}})
		}
	}
	for _, p := range v.lookalikes() {
		if f, ok := v.copyOf(p); ok {
			report(f)
		}
	}
}

// derivedUse is the first statement that a file was made from another one.
func derivedUse(uses []*fileUse) *fileUse {
	for _, u := range uses {
		if !u.original.IsZero() {
			return u
		}
	}
	return nil
}

// fewerPixels is the share of the first picture's pixels, per cent, below which
// a later one counts as smaller: a camera does not change its resolution by itself.
const fewerPixels = 90

// copyOf tells a copy from a second picture of one scene: smaller, and without
// the data that a camera writes, while the other has both.
func (v *view) copyOf(p lookalike) (finding, bool) {
	x, y := p.first.exif, p.second.exif
	fewer, more := x.Width*x.Height, y.Width*y.Height
	small, large := p.first, p.second
	if fewer > more {
		fewer, more = more, fewer
		small, large = p.second, p.first
	}
	a, b := small.exif, large.exif
	if fewer <= 0 || fewer*100 >= more*fewerPixels || a.Make != "" || a.Model != "" || a.Time != "" || b.Time == "" && b.Model == "" {
		return finding{}, false
	}
	return finding{variant: "copy", item: &small.use.ref, also: []event.Ref{large.use.ref}, acts: []*act{small.use.act, large.use.act}, args: args{
		"file": small.use.text(), "other": large.use.text(), "bits": count(p.bits), "pixels": count(fewer), "more": count(more),
	}}, true
}
