package export

import (
	"iter"
	"strings"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

// Names lists the tables of a custody record.
func Names() []string {
	return []string{"items", "steps", "handovers", "results", "defects", "quantities", "series"}
}

// Of gives a table of a custody record by its name; ok is false where there is none.
func Of(r *custody.Record, name, lang string) (t Table, ok bool) {
	make, ok := map[string]func(*custody.Record, string) Table{
		"items": items, "steps": steps, "handovers": handovers, "results": results, "defects": defects, "quantities": quantities, "series": series,
	}[name]
	if !ok {
		return Table{}, false
	}
	t = make(r, lang)
	t.Name = name
	return t, true
}

// rows yields a row for each element.
func rows[T any](list []T, row func(*T) []Cell) iter.Seq2[[]Cell, error] {
	return func(yield func([]Cell, error) bool) {
		for i := range list {
			if !yield(row(&list[i]), nil) {
				return
			}
		}
	}
}

func say(lang string, en, zh string) Cell {
	if lang == "zh" && zh != "" {
		return text(zh)
	}
	return text(en)
}

func id(u event.UUID) Cell {
	if u.IsZero() {
		return Cell{}
	}
	return text(u.String())
}

func items(r *custody.Record, lang string) Table {
	return Table{Head: [][2]string{{"label", "编号"}, {"kind", "类别"}, {"what", "说明"}, {"state", "状态"}, {"holder", "持有人"}, {"holder organisation", "持有单位"}, {"location", "存放位置"},
		{"seal no.", "封条号"}, {"SHA-256 of the file", "文件 SHA-256"}, {"parent", "来源检材"}, {"id", "标识"}}, Rows: rows(r.Items, func(i *custody.Item) []Cell {
		row := []Cell{text(i.Label), text(string(i.Ref.Kind)), say(lang, i.What.EN, i.What.ZH), text(string(i.State)), {}, {}, {}, text(i.SealNo), {}, {}, id(i.Ref.ID)}
		if h := i.Holder; h != nil {
			row[4], row[5], row[6] = text(h.Name), text(h.OrgName), text(h.Location)
		}
		if len(i.Hashes) > 0 {
			row[8] = text(i.Hashes[0].SHA256.String())
		}
		if i.Parent != nil {
			row[9] = id(i.Parent.ID)
		}
		return row
	})}
}

func steps(r *custody.Record, lang string) Table {
	return Table{Head: [][2]string{{"item", "编号"}, {"step", "环节"}, {"at (claimed)", "时间（自述）"}, {"by", "经办人"}, {"organisation", "单位"}, {"where", "地点"}, {"seal no.", "封条号"}, {"seal", "封条状态"},
		{"unexplained ms", "无法说明的时长（毫秒）"}, {"note", "备注"}, {"withdrawn", "已撤回"}, {"event", "事件"}}, Rows: func(yield func([]Cell, error) bool) {
		for i := range r.Items {
			for j := range r.Items[i].Steps {
				s := &r.Items[i].Steps[j]
				row := []Cell{text(r.Items[i].Label), text(string(s.Kind)), text(string(s.At)), text(s.ByName), text(s.ByOrg), text(s.Where), text(s.SealNo), text(string(s.Seal)), {}, text(s.Note), {}, text(s.Event.String())}
				if s.UnexplainedMS > 0 {
					row[8] = whole(s.UnexplainedMS)
				}
				if s.Voided {
					row[10] = say(lang, "yes", "是")
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}}
}

func handovers(r *custody.Record, _ string) Table {
	return Table{Head: [][2]string{{"from", "移交人"}, {"to", "接收人"}, {"mode", "方式"}, {"carrier", "承运人"}, {"tracking no.", "运单号"}, {"items", "件数"}, {"relinquished", "移交时间"}, {"received", "接收时间"},
		{"unexplained ms", "无法说明的时长（毫秒）"}, {"state", "状态"}, {"id", "标识"}}, Rows: rows(r.Handovers, func(h *custody.HandoverInfo) []Cell {
		return []Cell{text(h.From), text(h.To), text(string(h.Mode)), text(h.Carrier), text(h.TrackingNo), whole(int64(h.Items)), text(string(h.Relinquished)), text(string(h.Received)),
			whole(h.UnexplainedMS), text(h.State), id(h.Handover)}
	})}
}

func results(r *custody.Record, _ string) Table {
	return Table{Head: [][2]string{{"item", "编号"}, {"analyte", "分析项目"}, {"CAS no.", "CAS 号"}, {"result", "结果"}, {"unit", "单位"}, {"qualifier", "修饰符"}, {"method", "方法"}, {"report no.", "报告编号"}, {"event", "事件"}},
		Rows: func(yield func([]Cell, error) bool) {
			for i := range r.Items {
				for _, x := range r.Items[i].Results {
					if !yield([]Cell{text(r.Items[i].Label), text(x.Analyte), text(x.CAS), {x.Text, true}, text(x.Unit), text(x.Qualifier), text(x.Method), text(x.ReportNo), text(x.Event.String())}, nil) {
						return
					}
				}
			}
		}}
}

func defects(r *custody.Record, lang string) Table {
	labels := map[event.Ref]string{}
	for i := range r.Items {
		labels[r.Items[i].Ref] = r.Items[i].Label
	}
	return Table{Head: [][2]string{{"code", "代码"}, {"severity", "程度"}, {"title", "名称"}, {"item", "编号"}, {"explanation", "说明"}, {"what would cure it", "补正办法"}, {"waived by", "豁免人"}, {"by authority of", "豁免依据"}, {"events", "事件"}},
		Rows: rows(r.Defects, func(d *custody.Defect) []Cell {
			row := []Cell{text(string(d.Code)), text(string(d.Severity)), say(lang, d.Title.EN, d.Title.ZH), {}, say(lang, d.Explanation.EN, d.Explanation.ZH), say(lang, d.Cure.EN, d.Cure.ZH), {}, {}, {}}
			if d.Item != nil {
				row[3] = text(labels[*d.Item])
				if row[3].Text == "" {
					row[3] = text(string(d.Item.Kind) + " " + d.Item.ID.String())
				}
			}
			if w := d.Waived; w != nil {
				row[6], row[7] = text(w.ByName), text(w.Authority)
			}
			var ids []string
			for _, e := range d.Events {
				ids = append(ids, e.String())
			}
			row[8] = text(strings.Join(ids, " "))
			return row
		})}
}

func quantities(r *custody.Record, _ string) Table {
	return Table{Head: [][2]string{{"party", "当事人"}, {"waste", "废物"}, {"codes", "代码"}, {"tier", "证据层级"}, {"net kg", "净重（千克）"}, {"containers", "容器数"}, {"records", "记录数"}, {"records without mass", "无重量的记录数"}},
		Rows: rows(r.Quantities, func(q *custody.Quantity) []Cell {
			return []Cell{text(q.Name), text(q.Waste), text(strings.Join(q.Codes, " ")), text(string(q.Tier)), figure(q.NetKG), whole(q.Containers), whole(q.Records), whole(q.WithoutMass)}
		})}
}

func series(r *custody.Record, _ string) Table {
	return Table{Head: [][2]string{{"instrument", "仪器"}, {"channel", "通道"}, {"unit", "单位"}, {"first", "起"}, {"last", "止"}, {"readings", "读数数"}, {"missing", "缺测数"}, {"over range", "超量程数"}, {"least", "最小"}, {"largest", "最大"},
		{"mean", "平均"}, {"gaps of the series", "序列间断数"}, {"id of the series", "序列标识"}}, Rows: func(yield func([]Cell, error) bool) {
		for i := range r.Series {
			s := &r.Series[i]
			for j := range s.Channels {
				c := &s.Channels[j]
				if !yield([]Cell{text(s.Name), text(c.Name), text(c.Unit), text(string(s.First)), text(string(s.Last)), whole(c.Count), whole(c.Missing), whole(c.OverRange), figure(c.Min), figure(c.Max), figure(c.Mean),
					whole(s.Gaps), id(s.Series)}, nil) {
					return
				}
			}
		}
	}}
}
