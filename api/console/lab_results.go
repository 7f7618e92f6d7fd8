package console

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/mobile-contract/device/labfile"
	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

const (
	// maxImport caps a file that is read in a browser: a report of 1,400 results has 640 kB.
	maxImport = 8 << 20
	// maxImportRows caps its rows, since a person has to look at each; more are for fieldkit.
	maxImportRows = 5000
)

// resultsPage is the form for results, and the page of a file's import.
type resultsPage struct {
	labPlace
	// Items are what results can be on: what the laboratory checked in, and parts of it.
	Items []labEntry
	// Chosen is the item that the reader came from.
	Chosen string
	Max    int
}

func (k *Console) labResults(c *fiber.Ctx) error {
	return k.resultsPage(c, "lab/results", "lab.results.title")
}

func (k *Console) labImport(c *fiber.Ctx) error {
	return k.resultsPage(c, "lab/import", "lab.import.title")
}

func (k *Console) resultsPage(c *fiber.Ctx, page, title string) error {
	p := resultsPage{Chosen: c.Query("item"), Max: event.MaxResults}
	var err error
	if p.labPlace, err = k.labCase(c, "results", ""); err != nil {
		return err
	}
	p.Items = p.measurable()
	return k.render(c, page, title, p)
}

// measurable lists what results of this laboratory can be on.
func (p *labPlace) measurable() (list []labEntry) {
	for i := range p.Record.Items {
		it := &p.Record.Items[i]
		in := checkedIn(it, p.Lab.ID)
		if in == nil && (it.Ref.Kind != "subsample" || it.Holder == nil || it.Holder.Org != p.Lab.ID) || in != nil && in.Decision == "reject" {
			continue
		}
		list = append(list, labEntry{Case: p.Case, Item: it, CheckIn: in})
	}
	return list
}

// preview is a laboratory's file as the server read it. Nothing is kept of it.
type preview struct {
	Importable bool           `json:"importable"`
	Layout     string         `json:"layout"`
	Encoding   string         `json:"encoding"`
	Errors     int            `json:"errors"`
	Rows       []previewRow   `json:"rows"`
	Problems   []previewFault `json:"problems"`
	// Unknown are the codes of samples that are none of this case's here.
	Unknown []string       `json:"unknown"`
	Results []event.Result `json:"results"`
}

type previewRow struct {
	Line   int64  `json:"line"`
	Sample string `json:"sample"`
	// Label is the item that it is on, empty for the laboratory's own controls.
	Label    string `json:"label"`
	QC       string `json:"qc"`
	Analyte  string `json:"analyte"`
	CAS      string `json:"cas"`
	Method   string `json:"method"`
	Result   string `json:"result"`
	Unit     string `json:"unit"`
	Limits   string `json:"limits"`
	Analysed string `json:"analysed"`
}

type previewFault struct {
	Line     int64  `json:"line"`
	Column   string `json:"column"`
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Text     string `json:"text"`
}

// labPreview reads a laboratory's file and says what is in it and what is wrong. It
// keeps nothing: the browser seals what was shown, all of it, or nothing.
func (k *Console) labPreview(c *fiber.Ctx) error {
	p, err := k.labCase(c, "results", "")
	if err != nil {
		return err
	}
	o, err := k.importOptions(c)
	if err != nil {
		return err
	}
	body, err := k.ReadBody(c, maxImport)
	if err != nil {
		return err
	}
	match, body, err := matchOf(c.Query("match"), body)
	if err != nil {
		return err
	}
	file, err := labfile.Parse(bytes.NewReader(body), o)
	if err != nil {
		return notRead(err)
	}
	if len(file.Rows) > maxImportRows {
		return fault.New(wire.CodeTooLarge, "The file has %d rows; at most %d are imported in a browser. Use fieldkit for it, or have it divided.", len(file.Rows), maxImportRows)
	}
	v := p.preview(file, match, languageOf(c) == "zh")
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(data)
}

// matchOf parts a body into which sample of the file is which item, in JSON of as many
// bytes as the query says, and the file. A file may have more samples than an address has room for.
func matchOf(size string, body []byte) (match map[string]string, file []byte, err error) {
	if size == "" {
		return nil, body, nil
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 || n > len(body) {
		return nil, nil, fault.New(wire.CodeBadRequest, "match=%.40q is not the number of bytes before the file.", size).Because(err)
	}
	if err := json.Unmarshal(body[:n], &match); err != nil {
		return nil, nil, fault.New(wire.CodeBadRequest, "What stands before the file does not say which sample is which item.").Because(err)
	}
	return match, body[n:], nil
}

func notRead(err error) error {
	switch {
	case errors.Is(err, labfile.ErrSpreadsheet):
		return fault.New(wire.CodeMediaType, "This is a spreadsheet. Save it as CSV and choose that file; the spreadsheet itself can be attached to the case.").Because(err)
	case errors.Is(err, labfile.ErrTooLarge):
		return fault.New(wire.CodeTooLarge, "The file is larger than any that is read here.").Because(err)
	case errors.Is(err, labfile.ErrNoTable):
		return fault.New(wire.CodeBadRequest, "No table of results was found in the file: it needs a line of headings with sample, analyte and result.").Because(err)
	}
	return err
}

func (k *Console) importOptions(c *fiber.Ctx) (o labfile.Options, err error) {
	o.Now = k.Now()
	if text := c.Query("zone"); text != "" {
		t, err := time.Parse("-07:00", text)
		if err != nil {
			return o, fault.New(wire.CodeBadRequest, "zone=%.40q is not an offset such as +08:00.", text).Because(err)
		}
		_, offset := t.Zone()
		o.Zone = time.FixedZone(text, offset)
	}
	order, ok := map[string]sheet.Order{"": sheet.OrderUnknown, "mdy": sheet.MonthFirst, "dmy": sheet.DayFirst}[c.Query("dates")]
	if !ok {
		return o, fault.New(wire.CodeBadRequest, "dates=%.40q is neither mdy nor dmy.", c.Query("dates"))
	}
	o.Dates, o.Encoding = order, c.Query("encoding")
	if !slices.Contains([]string{"", "utf-8", "gb18030", "windows-1252"}, o.Encoding) {
		return o, fault.New(wire.CodeBadRequest, "encoding=%.40q is none that is read.", o.Encoding)
	}
	return o, nil
}

// preview ties the rows to the case's items and lists what is wrong. A sample that is
// not here is an error: its result would stand in a case that it has nothing to do with.
func (p *labPlace) preview(file *labfile.File, match map[string]string, zh bool) preview {
	v := preview{Layout: string(file.Layout), Encoding: file.Encoding, Rows: []previewRow{}, Problems: []previewFault{}, Unknown: []string{}, Results: []event.Result{}}
	for _, f := range file.Problems {
		text := f.EN
		if zh {
			text = f.ZH
		}
		v.Problems = append(v.Problems, previewFault{f.Line, f.Column, string(f.Code), string(f.Severity), text})
	}
	items := p.measurable()
	unknown := 0
	notHere := "this laboratory has checked in no such sample of this case"
	if zh {
		notHere = "并非本实验室为本案登记的样品"
	}
	for i := range file.Rows {
		row := &file.Rows[i]
		it := p.named(items, row, match)
		r := previewOf(row)
		var ref *event.Ref
		switch {
		case it != nil:
			ref, r.Label = &it.Ref, it.Label
		case row.Result.QC == "":
			unknown++
			v.Problems = append(v.Problems, previewFault{row.Line, "", "UNKNOWN_SAMPLE", string(labfile.Error), row.Code() + ": " + notHere})
			if code := row.Code(); !slices.Contains(v.Unknown, code) {
				v.Unknown = append(v.Unknown, code)
			}
		}
		v.Rows = append(v.Rows, r)
		v.Results = append(v.Results, row.Event(ref))
	}
	slices.SortStableFunc(v.Problems, func(a, b previewFault) int { return cmp.Compare(a.Line, b.Line) })
	v.Errors = file.Errors() + unknown
	v.Importable = file.Importable() && unknown == 0
	return v
}

// named finds the item of a row: as a person matched it, else by the laboratory's
// number, else by the label. What fits several things fits none.
func (p *labPlace) named(items []labEntry, row *labfile.Row, match map[string]string) *custody.Item {
	code := row.Code()
	if text, ok := match[code]; ok {
		for _, e := range items {
			if string(e.Item.Ref.Kind)+":"+e.Item.Ref.ID.String() == text {
				return e.Item
			}
		}
		return nil
	}
	var found *custody.Item
	for _, e := range items {
		byLab := e.CheckIn != nil && e.CheckIn.LabID != "" && (e.CheckIn.LabID == row.Result.LabSampleID || e.CheckIn.LabID == code)
		if !byLab && e.Item.Label != code {
			continue
		}
		if found != nil && found != e.Item {
			return nil
		}
		found = e.Item
	}
	return found
}

func previewOf(row *labfile.Row) previewRow {
	in := &row.Result
	r := previewRow{Line: row.Line, Sample: row.Code(), QC: in.QC, Analyte: in.Analyte, CAS: in.CASText, Method: in.Method, Result: in.Text, Unit: in.UnitText, Analysed: in.Analysed.Text}
	if in.QualifierText != "" {
		r.Result = strings.TrimSpace(r.Result + " " + in.QualifierText)
	}
	if in.MDL.Text != "" || in.RL.Text != "" {
		r.Limits = cmp.Or(in.MDL.Text, "—") + " / " + cmp.Or(in.RL.Text, "—")
	}
	return r
}
