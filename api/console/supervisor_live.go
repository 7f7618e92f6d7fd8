package console

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/chart"
	"fieldseal/api/export"
	"fieldseal/api/fault"
	"fieldseal/api/live"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

const (
	// maxWall is how many charts one page draws: more are not watched by anybody.
	maxWall = 12
	// wallCases is in how many of the newest cases the wall looks for running series.
	wallCases = 30
	// maxSeriesSheets is how many series a spreadsheet takes with every reading; each of
	// them can also be had as a CSV file of its own.
	maxSeriesSheets = 8
	// seriesBuckets is what a chart gets that names no number.
	seriesBuckets = 800
)

// svChart is a chart that a page draws.
type svChart struct {
	chart.Info
	Case    projection.Case
	Channel int
	Command string
}

// Title names what is drawn.
func (s svChart) Title() string {
	ch := s.Channels[s.Channel]
	title := s.Name + " · " + ch.Name
	if ch.Unit != "" {
		title += " (" + ch.Unit + ")"
	}
	if s.Command != "" {
		title += " · CN " + s.Command
	}
	return title
}

// drawable lists the channels of a series worth drawing, each for every command that
// has figures of it; positions are not read as curves.
func drawable(s chart.Info, in projection.Case) (list []svChart) {
	for i, ch := range s.Channels {
		name := strings.ToLower(ch.Name)
		if strings.Contains(name, "lat") && strings.Contains(name, "itude") || strings.Contains(name, "longitude") || name == "lat" || name == "lon" || name == "long" {
			continue
		}
		for _, command := range s.Commands[i] {
			list = append(list, svChart{Info: s, Case: in, Channel: i, Command: command})
		}
	}
	return list
}

type svLivePage struct {
	svCasePage
	Series []chart.Info
	Charts []svChart
	Wall   bool
	// After is the ledger index that the page was made at.
	After int64
}

// svLive shows the readings of a case, and follows them.
func (k *Console) svLive(c *fiber.Ctx) error {
	page, err := k.svCaseOf(c, "live")
	if err != nil {
		return err
	}
	p := svLivePage{svCasePage: page, Wall: c.Query("wall") != "", After: page.Size - 1}
	if p.Series, err = k.charts.List(c.UserContext(), page.Case.ID); err != nil {
		return err
	}
	want := c.Query("series")
	for _, s := range p.Series {
		if want == "" || want == s.Series.String() {
			p.Charts = append(p.Charts, drawable(s, page.Case)...)
		}
	}
	p.Charts = p.Charts[:min(len(p.Charts), maxWall)]
	return k.render(c, "supervisor/live", page.Case.Number, p)
}

type svWallPage struct {
	svPage
	Charts []svChart
	Wall   bool
	After  int64
}

// svWall shows the newest series of all cases that the reader may see, one curve
// of each, for a screen on the wall.
func (k *Console) svWall(c *fiber.Ctx) error {
	p := svWallPage{Wall: c.Query("wall") != ""}
	var cases []projection.Case
	err := k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "live", who); err != nil {
			return err
		}
		last, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		p.After = last.Size - 1
		list, err := projection.CasesFor(tx, who.ID)
		cases = list[:min(len(list), wallCases)]
		return err
	})
	if err != nil {
		return err
	}
	for _, in := range cases {
		list, err := k.charts.List(c.UserContext(), in.ID)
		if err != nil {
			return err
		}
		for _, s := range list {
			if curves := drawable(s, in); len(curves) > 0 && s.Rows > 0 {
				p.Charts = append(p.Charts, curves[0])
			}
		}
	}
	slices.SortStableFunc(p.Charts, func(a, b svChart) int { return int(min(1, max(-1, b.Last-a.Last))) })
	p.Charts = p.Charts[:min(len(p.Charts), maxWall)]
	if err := k.looked(c, "live", event.UUID{}, "wall"); err != nil {
		return err
	}
	return k.render(c, "supervisor/wall", "sv.wall.title", p)
}

// number reads a whole number of the query within bounds.
func number(c *fiber.Ctx, name string, fallback, least, most int64) (int64, error) {
	text := c.Query(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fault.New(wire.CodeBadRequest, "%s=%.40q is not a whole number from %d to %d.", name, text, least, most)
	}
	return n, nil
}

// svSeries gives one channel of a series in buckets.
func (k *Console) svSeries(c *fiber.Ctx) error {
	id, err := uuid(c, "case")
	if err != nil {
		return err
	}
	q := chart.Query{Case: id, Command: c.Query("cn")}
	if q.Series, err = uuid(c, "series"); err != nil {
		return err
	}
	var channel, buckets int64
	for _, n := range []struct {
		into                *int64
		name                string
		fallback, low, high int64
	}{{&channel, "channel", 0, 0, 255}, {&buckets, "buckets", seriesBuckets, 10, chart.MaxBuckets}, {&q.From, "from", 0, -1 << 52, 1 << 52}, {&q.To, "to", 0, -1 << 52, 1 << 52}} {
		if *n.into, err = number(c, n.name, n.fallback, n.low, n.high); err != nil {
			return err
		}
	}
	q.Channel, q.Buckets = int(channel), int(buckets)
	err = k.read(c, func(tx *store.Tx, who projection.Person) error {
		_, err := visible(tx, id, who)
		return err
	})
	if err != nil {
		return err
	}
	if err := k.drawn.looked(c, k, id, q.Series); err != nil {
		return err
	}
	if q.Rules, err = k.rulePack(c.UserContext()); err != nil {
		return err
	}
	out, err := k.charts.Chart(c.UserContext(), q)
	switch {
	case errors.Is(err, chart.ErrSeries):
		return fault.New(wire.CodeNotFound, "The case has no such series, or the series no such channel.").Because(err)
	case errors.Is(err, chart.ErrQuery):
		return fault.New(wire.CodeBadRequest, "That stretch of time cannot be drawn.").Because(err)
	case err != nil:
		return err
	}
	return c.JSON(out)
}

const (
	// lookAgain is after how long a chart that is still being drawn is recorded as looked at anew.
	lookAgain = 10 * time.Minute
	// maxDrawn bounds the charts that are remembered as recorded; more are recorded again.
	maxDrawn = 4096
)

// drawn remembers which charts were recorded as looked at: a page that follows an
// instrument asks for its readings several times a minute.
type drawn struct {
	mu   sync.Mutex
	last map[[3]event.UUID]time.Time
}

// looked records that a series is looked at, unless it was a moment ago.
func (d *drawn) looked(c *fiber.Ctx, k *Console, in, series event.UUID) error {
	key, now := [3]event.UUID{session(c).Person, in, series}, k.Now()
	d.mu.Lock()
	recent := now.Sub(d.last[key]) < lookAgain
	d.mu.Unlock()
	if recent {
		return nil
	}
	if err := k.looked(c, "series", in, series.String()); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil || len(d.last) >= maxDrawn {
		d.last = map[[3]event.UUID]time.Time{}
	}
	d.last[key] = now
	return nil
}

// svStream tells what arrives, in one case or in all.
func (k *Console) svStream(c *fiber.Ctx) error {
	v := live.Viewer{Person: session(c).Person}
	last := int64(-1)
	err := k.read(c, func(tx *store.Tx, who projection.Person) error {
		cp, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		last = cp.Size - 1
		if c.Query("case") == "" {
			return nil
		}
		if v.Case, err = event.ParseUUID(c.Query("case")); err != nil {
			return fault.New(wire.CodeBadRequest, "case is not an identifier.").Because(err)
		}
		_, err = visible(tx, v.Case, who)
		return err
	})
	if err != nil {
		return err
	}
	v.After = live.From(c, last)
	token := session(c).Token()
	v.Still = func(ctx context.Context) error {
		err := k.Book.SessionStands(ctx, token)
		if errors.Is(err, access.ErrToken) {
			return errors.Join(live.ErrSession, err)
		}
		return err
	}
	err = k.live.Serve(c, v)
	switch {
	case errors.Is(err, live.ErrFull):
		f := fault.New(wire.CodeRateLimited, "Too many live views are open. Close one and try again.").Because(err)
		f.RetryAfter = 60
		return f
	case errors.Is(err, live.ErrClosed):
		return fault.New(wire.CodeUnavailable, "The server is stopping. The view connects again by itself.").Because(err)
	}
	return err
}

// exportTypes are the media types of exports by their extensions.
var exportTypes = map[string]string{"csv": "text/csv; charset=utf-8", "geojson": "application/geo+json", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}

// svExport gives a case, or a part of it, as a file: TABLE.csv, series-ID.csv,
// case.xlsx or places.geojson. That it was taken is recorded like any look.
func (k *Console) svExport(c *fiber.Ctx) error {
	page, err := k.svCaseOf(c, "export "+c.Params("file"))
	if err != nil {
		return err
	}
	name, kind, _ := strings.Cut(c.Params("file"), ".")
	write, err := k.exporter(c, page, name, kind)
	if err != nil {
		return err
	}
	// Made whole before a byte leaves: a failure is an answer and not a broken file.
	f, err := os.CreateTemp("", "fieldseal-export-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	err = write(f)
	size := int64(0)
	if err == nil {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	c.Set(fiber.HeaderContentType, exportTypes[kind])
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="case-`+page.Case.ID.String()+"-"+name+"."+kind+`"`)
	return c.SendStream(f, int(size))
}

func (k *Console) exporter(c *fiber.Ctx, page svCasePage, name, kind string) (func(io.Writer) error, error) {
	lang, id := languageOf(c), page.Case.ID
	none := fault.New(wire.CodeNotFound, "There is no export of that name.")
	switch {
	case kind == "geojson" && name == "places":
		var list []export.Feature
		err := k.read(c, func(tx *store.Tx, _ projection.Person) (err error) { list, err = caseFeatures(tx, id); return err })
		return func(w io.Writer) error { return export.GeoJSON(w, list) }, err
	case kind == "csv" && strings.HasPrefix(name, "series-"):
		series, err := event.ParseUUID(strings.TrimPrefix(name, "series-"))
		if err != nil {
			return nil, none.Because(err)
		}
		t, err := export.Readings(c.UserContext(), k.charts, id, series)
		if errors.Is(err, chart.ErrSeries) {
			return nil, none.Because(err)
		}
		return func(w io.Writer) error { return export.CSV(w, t, lang) }, err
	}
	r, size, err := k.record(c, id)
	if err != nil {
		return nil, err
	}
	if kind == "csv" {
		t, ok := export.Of(r, name, lang)
		if !ok {
			return nil, none
		}
		return func(w io.Writer) error { return export.CSV(w, t, lang) }, nil
	}
	if kind != "xlsx" || name != "case" {
		return nil, none
	}
	var tables []export.Table
	for _, n := range export.Names() {
		t, _ := export.Of(r, n, lang)
		tables = append(tables, t)
	}
	readings, err := k.readingSheets(c, id)
	if err != nil {
		return nil, err
	}
	tables = append(tables, readings...)
	about := export.About{Case: page.Case.Number, Title: page.Case.Title, By: page.Me.Name, Org: page.Org.Name, Made: k.Now(), LedgerSize: size, Lang: lang}
	return func(w io.Writer) error { return export.XLSX(w, about, tables) }, nil
}

// readingSheets gives the readings of a case's newest series, a sheet for each.
func (k *Console) readingSheets(c *fiber.Ctx, id event.UUID) (tables []export.Table, err error) {
	list, err := k.charts.List(c.UserContext(), id)
	if err != nil {
		return nil, err
	}
	for i, s := range list[:min(len(list), maxSeriesSheets)] {
		if s.Unread.EN != "" {
			continue
		}
		t, err := export.Readings(c.UserContext(), k.charts, id, s.Series)
		if err != nil {
			return nil, err
		}
		t.Name = "readings " + strconv.Itoa(i+1)
		tables = append(tables, t)
	}
	return tables, nil
}
