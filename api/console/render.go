package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"strings"
	"sync"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/language"
)

//go:embed all:pages
var pageFiles embed.FS

const (
	languageCookie = "fieldseal_language"
	zoneCookie     = "fieldseal_zone"
	// maxZones bounds the sets of pages that are kept for readers' time zones.
	maxZones = 32
)

// pages are the templates, made for a language and a time zone when first needed.
type pages struct {
	version string
	words   map[string]words
	mu      sync.Mutex
	sets    map[string]map[string]*template.Template
	gz      map[string][]byte
}

// newPages reads the words and checks that every page can be read.
func newPages() (*pages, error) {
	p := &pages{sets: map[string]map[string]*template.Template{}, gz: map[string][]byte{}}
	var err error
	if p.version, err = staticVersion(); err != nil {
		return nil, err
	}
	if p.words, err = readWords(); err != nil {
		return nil, err
	}
	for _, l := range languages {
		if _, err := p.set(l.Code, time.UTC); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// packed gives a static file as gzip, packed once.
func (p *pages) packed(name string, data []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z, ok := p.gz[name]; ok {
		return z
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that exists
	_, _ = z.Write(data)                                  // into memory
	_ = z.Close()
	p.gz[name] = b.Bytes()
	return b.Bytes()
}

// set gives every page for a language and a zone. A file whose name begins with _
// is a part that the pages of its folder share; those beside layout.html are for all.
func (p *pages) set(lang string, zone *time.Location) (map[string]*template.Template, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := lang + " " + zone.String()
	if s, ok := p.sets[key]; ok {
		return s, nil
	}
	base := template.New("layout").Funcs(p.funcs(lang, zone))
	shared, err := fs.Glob(pageFiles, "pages/_*.html")
	if err != nil {
		return nil, err
	}
	if base, err = base.ParseFS(pageFiles, append(shared, "pages/layout.html")...); err != nil {
		return nil, err
	}
	out := map[string]*template.Template{}
	err = fs.WalkDir(pageFiles, "pages", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".html" || strings.HasPrefix(path.Base(name), "_") || name == "pages/layout.html" {
			return err
		}
		t, err := base.Clone()
		if err != nil {
			return err
		}
		files := []string{name}
		if dir := path.Dir(name); dir != "pages" {
			parts, err := fs.Glob(pageFiles, dir+"/_*.html")
			if err != nil {
				return err
			}
			files = append(parts, name)
		}
		if t, err = t.ParseFS(pageFiles, files...); err != nil {
			return err
		}
		out[strings.TrimSuffix(strings.TrimPrefix(name, "pages/"), ".html")] = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(p.sets) >= maxZones {
		clear(p.sets)
	}
	p.sets[key] = out
	return out, nil
}

// funcs are what templates can say. Times are shown in the reader's zone with its
// offset beside them, since a time without one proves nothing.
func (p *pages) funcs(lang string, zone *time.Location) template.FuncMap {
	w := p.words[lang]
	at := func(v any) (time.Time, error) {
		switch v := v.(type) {
		case time.Time:
			return v, nil
		case event.Stamp:
			if v == "" {
				return time.Time{}, nil
			}
			return v.At()
		}
		return time.Time{}, fmt.Errorf("console: %T is not a time", v)
	}
	in := func(layout string) func(any) (string, error) {
		return func(v any) (string, error) {
			t, err := at(v)
			if err != nil || t.IsZero() {
				return "—", err
			}
			return t.In(zone).Format(layout), nil
		}
	}
	dayLayout := "2 January 2006"
	if lang == "zh" {
		dayLayout = "2006年1月2日"
	}
	m := template.FuncMap{
		"t": w.say, "words": w.under, "lang": func() string { return lang },
		"asset": func(name string) string { return "/desk/static/" + p.version + "/" + name },
		"stamp": in("2006-01-02 15:04:05 -07:00"), "clock": in("15:04:05"), "day": in(dayLayout), "iso": func(v any) (string, error) {
			t, err := at(v)
			return t.UTC().Format(time.RFC3339), err
		},
		"num": num, "dec": dec, "short": short,
		"zh": func(en, zh string) string {
			if lang == "zh" && zh != "" {
				return zh
			}
			return en
		},
		"dict": dict, "qr": qrSVG, "list": func(items ...string) []string { return items },
	}
	maps.Copy(m, recordFuncs(lang))
	return m
}

// num writes a whole number with groups of three digits, as both languages do.
func num(v any) string {
	s := fmt.Sprint(v)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// dec writes a decimal exactly; a nil one as a dash.
func dec(v any) (string, error) {
	switch v := v.(type) {
	case decimal.Decimal:
		return v.String(), nil
	case *decimal.Decimal:
		if v == nil {
			return "—", nil
		}
		return v.String(), nil
	}
	return "", fmt.Errorf("console: %T is not a decimal", v)
}

// short is the beginning of a digest or identifier, for people to compare by eye.
func short(v fmt.Stringer) string {
	s := v.String()
	return s[:min(12, len(s))]
}

// dict makes a map of pairs, to hand several values to a part of a page.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("console: dict takes pairs")
	}
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("console: %v names nothing", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// View is what every page is made of.
type View struct {
	Lang, Tag, Title, Path, CSRF string
	// Person is who is signed in, nil on public pages; Org their organisation.
	Person *projection.Person
	Org    projection.Org
	Desks  []Desk
	Idle   int64 // seconds
	Now    time.Time
	Data   any
}

// Desk is an entry of the navigation.
type Desk struct {
	Key, Path string
	Here      bool
}

// desks are the desks and whom each is for; none named: everyone.
var desks = []struct {
	key, path string
	roles     []event.Role
}{
	{"lab", "/desk/lab/", []event.Role{event.RoleAnalyst}},
	{"court", "/desk/court/", nil},
	{"supervisor", "/desk/supervisor/", []event.Role{event.RoleSupervisor, event.RoleAdmin, event.RoleAuditor}},
}

func desksOf(p projection.Person, at string) (list []Desk) {
	for _, d := range desks {
		if len(d.roles) == 0 || p.Has(d.roles...) {
			list = append(list, Desk{Key: d.key, Path: d.path, Here: strings.HasPrefix(at, d.path)})
		}
	}
	return list
}

// languageOf is the reader's choice, else what the browser asks for.
func languageOf(c *fiber.Ctx) string {
	for _, l := range languages {
		if c.Cookies(languageCookie) == l.Code {
			return l.Code
		}
	}
	tags, _, err := language.ParseAcceptLanguage(c.Get(fiber.HeaderAcceptLanguage))
	if err != nil || len(tags) == 0 {
		return "en"
	}
	if base, _ := tags[0].Base(); base.String() == "zh" {
		return "zh"
	}
	return "en"
}

// zoneOf is the reader's time zone, which their browser tells by a cookie. Pages for
// everyone show no times; strangers get one set of pages, since each further zone costs
// making them all.
func zoneOf(c *fiber.Ctx) *time.Location {
	name := c.Cookies(zoneCookie)
	if person(c).ID.IsZero() || name == "" || len(name) > 64 || name == "Local" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// render answers with a page. title is the key of its title, or a text of its own where it has no such key.
func (k *Console) render(c *fiber.Ctx, page, title string, data any) error {
	lang := languageOf(c)
	set, err := k.pages.set(lang, zoneOf(c))
	if err != nil {
		return err
	}
	t := set[page]
	if t == nil {
		return fmt.Errorf("console: there is no page %s", page)
	}
	w := k.pages.words[lang]
	if said, err := w.say(title); err == nil {
		title = said
	}
	v := View{Lang: lang, Title: title, Path: c.OriginalURL(), Data: data, Now: k.Now().UTC(), Idle: int64(access.SessionIdle / time.Second)}
	for _, l := range languages {
		if l.Code == lang {
			v.Tag = l.Tag
		}
	}
	if p := person(c); !p.ID.IsZero() {
		v.Person, v.Desks = &p, desksOf(p, c.Path())
		v.CSRF = session(c).CSRF()
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", v); err != nil {
		return fmt.Errorf("console: page %s: %w", page, err)
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Set(fiber.HeaderContentLanguage, v.Tag)
	c.Set(fiber.HeaderVary, "Cookie, Accept-Language")
	return c.Send(out.Bytes())
}

// Fault answers with a page that says what went wrong, or in JSON where a script asked.
func (k *Console) Fault(c *fiber.Ctx, f *fault.Fault) error {
	c.Status(f.Status())
	body := wire.Error{Error: wire.ErrorBody{Code: f.Code, Message: f.Message, RequestID: k.RequestID(c)}}
	if strings.HasPrefix(c.Get(fiber.HeaderAccept), "application/json") || c.Get("Sec-Fetch-Dest") == "empty" {
		return c.JSON(body)
	}
	c.Set("Content-Security-Policy", policy(""))
	if err := k.render(c, "error", "error.title", body.Error); err != nil {
		k.Log.Error("the page of an error failed", "request_id", k.RequestID(c), "cause", err.Error())
		return c.SendString(f.Message)
	}
	return nil
}
