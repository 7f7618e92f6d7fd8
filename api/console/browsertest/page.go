package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/go-json-experiment/json"
)

const (
	// pollEvery is how often a condition of a page is looked at.
	pollEvery = 40 * time.Millisecond
	// phone is the width below which a window counts as one of a phone, with touch.
	phone = 500
)

// Page is one person's browser.
type Page struct {
	T testing.TB
	// Ctx is the tab's context, for chromedp actions that Page has no method for.
	Ctx  context.Context
	base string
	// gone: its browser was killed, and there is nothing to keep a picture of.
	gone atomic.Bool

	mu       sync.Mutex
	faults   []string
	expected []string
	requests []string
}

// Open opens an empty page in a profile of its own. base is the address of the
// server under test ("http://127.0.0.1:1234"): no other host may be asked for anything.
func Open(t testing.TB, base string) *Page {
	t.Helper()
	return open(t, browser(t), strings.TrimSuffix(base, "/"), chromedp.WithNewBrowserContext())
}

// Tab opens one more tab of the same browser profile.
func (p *Page) Tab() *Page {
	p.T.Helper()
	return open(p.T, p.Ctx, p.base)
}

func open(t testing.TB, parent context.Context, base string, opts ...chromedp.ContextOption) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, opts...)
	p := &Page{T: t, Ctx: ctx, base: base}
	if err := p.listen(); err != nil {
		cancel()
		t.Fatal(err)
	}
	p.Size(desktopWidth, desktopHeight)
	t.Cleanup(func() {
		if t.Failed() && !p.gone.Load() {
			_ = p.keep("failed-" + fileName(t.Name())) // a help for whoever reads the failure, which is reported already
		}
		p.mu.Lock()
		for _, f := range p.faults {
			t.Error(f)
		}
		p.mu.Unlock()
		cancel()
	})
	return p
}

// listen begins to take down what the browser says.
func (p *Page) listen() error {
	if err := chromedp.Listen(p.Ctx, p.hear); err != nil {
		return err
	}
	if _, err := chromedp.Call(p.Ctx, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	if _, err := chromedp.Call(p.Ctx, cdplog.Enable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := chromedp.Call(p.Ctx, cdpruntime.Enable, cdp.Empty{})
	return err
}

// hear takes down what the browser says while the page is open.
func (p *Page) hear(ev any) {
	switch ev := ev.(type) {
	case *cdpruntime.EventExceptionThrown:
		d := ev.ExceptionDetails
		text := d.Text
		if d.Exception != nil {
			text += " " + d.Exception.Description
		}
		p.fault("uncaught: %s (%s:%d)", text, d.URL, d.LineNumber+1)
	case *cdpruntime.EventConsoleAPICalled:
		if ev.Type == cdpruntime.ConsoleAPICalledTypeError || ev.Type == cdpruntime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, a := range ev.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			p.fault("console.%s: %s", ev.Type, strings.Join(words, " "))
		}
	case *cdplog.EventEntryAdded:
		if ev.Entry.Level == cdplog.EntryLevelError || ev.Entry.Source == cdplog.EntrySourceSecurity {
			p.fault("browser log (%s): %s %s", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.asked(ev.Request.URL)
	}
}

// asked takes down a request and finds fault with one to another host.
func (p *Page) asked(address string) {
	p.mu.Lock()
	p.requests = append(p.requests, address)
	p.mu.Unlock()
	u, err := url.Parse(address)
	if err != nil {
		p.fault("a request to %q, which is no address", address)
		return
	}
	switch u.Scheme {
	case "data", "blob", "about", "file":
		return
	}
	if u.Scheme+"://"+u.Host != p.base {
		p.fault("a request to another host: %s", address)
	}
}

func (p *Page) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.expected {
		if strings.Contains(text, e) {
			return
		}
	}
	p.faults = append(p.faults, text)
}

// Expect says that from now on faults with this text are what the test provokes,
// such as "status of 403".
func (p *Page) Expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

// Requests lists the addresses that the page asked for so far.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Do does actions within the time that a step may take.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	p.step("an action", actions...)
}

// Try is Do that gives the error.
func (p *Page) Try(actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.Ctx, stepLimit)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// Call sends a command of the DevTools protocol to a page.
func Call[P, R any](p *Page, cmd cdp.Command[P, R], params P) R {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, stepLimit)
	defer cancel()
	out, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		p.T.Fatalf("%s: %v%s", cmd.Method, err, p.where())
	}
	return out
}

// where tells where the page stands, for a message.
func (p *Page) where() string {
	var text string
	if err := p.TryEval(`'at ' + location.href + '\n' + (document.body?.innerText ?? '').slice(0, 1500)`, &text); err != nil {
		return ""
	}
	return "\n" + text
}

// Go opens a path of the server under test and waits until it is loaded.
func (p *Page) Go(path string) {
	p.T.Helper()
	p.step("open "+path, chromedp.Navigate(p.base+path))
}

// Path is the path and query that the page is at.
func (p *Page) Path() (path string) {
	p.T.Helper()
	p.Eval(`location.pathname + location.search`, &path)
	return path
}

// Click waits for an element to be visible and clicks it.
func (p *Page) Click(selector string) {
	p.T.Helper()
	p.step("click on "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Fill replaces the text of a field and lets the page know, as typing does.
func (p *Page) Fill(selector, text string) {
	p.T.Helper()
	p.step("fill in "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`((e, v) => { e.focus(); e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); })(document.querySelector(%s), %s)`,
		quote(selector), quote(text))))
}

// Type types a text key by key, as a person or a scanner does; "\r" is Enter.
func (p *Page) Type(selector, text string) {
	p.T.Helper()
	p.step("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), strings.ReplaceAll(text, "\r", kb.Enter), chromedp.NodeVisible))
}

// Keys types where the focus is.
func (p *Page) Keys(keys string) {
	p.T.Helper()
	p.step("press keys", chromedp.KeyEvent(keys))
}

// File puts a file into a file field.
func (p *Page) File(selector, path string) {
	p.T.Helper()
	p.step("choose a file for "+selector, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}, chromedp.NodeReady))
}

// See waits until an element is visible.
func (p *Page) See(selector string) {
	p.T.Helper()
	p.step("see "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Gone waits until no such element is visible.
func (p *Page) Gone(selector string) {
	p.T.Helper()
	p.Until(fmt.Sprintf(`[...document.querySelectorAll(%s)].every((e) => !e.checkVisibility())`, quote(selector)))
}

// SeeText waits until an element contains a text.
func (p *Page) SeeText(selector, text string) {
	p.T.Helper()
	p.Until(fmt.Sprintf(`[...document.querySelectorAll(%s)].some((e) => e.textContent.includes(%s))`, quote(selector), quote(text)))
}

// Text is an element's text as it is shown.
func (p *Page) Text(selector string) (text string) {
	p.T.Helper()
	p.See(selector)
	p.Eval(`document.querySelector(`+quote(selector)+`).innerText`, &text)
	return text
}

// Until waits until an expression, or what its promise comes to, is true, across navigations.
func (p *Page) Until(expression string) {
	p.T.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := time.After(stepLimit)
	for {
		var ok bool
		if err := p.TryEval("Promise.resolve("+expression+").then(Boolean)", &ok); err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-last:
			p.T.Fatalf("waited in vain until %s%s", expression, p.where())
		}
	}
}

// Eval evaluates an expression, waits for its promise, and reads the result into out, a pointer or nil.
func (p *Page) Eval(expression string, out any) {
	p.T.Helper()
	if err := p.TryEval(expression, out); err != nil {
		p.T.Fatalf("%s: %v%s", expression[:min(len(expression), 200)], err, p.where())
	}
}

// TryEval is Eval that gives the error.
func (p *Page) TryEval(expression string, out any) error {
	ctx, cancel := context.WithTimeout(p.Ctx, stepLimit)
	defer cancel()
	if out == nil {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](expression, chromedp.EvalAwaitPromise))
		return err
	}
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out, json.MatchCaseInsensitiveNames(true))
}

// quote writes a text as JavaScript.
func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // only where a test's own text is not UTF-8
	}
	return string(b)
}

// step does actions on elements. An element that went away between being found and
// being used, because its page gave way to the next, is looked for again.
func (p *Page) step(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	last := time.Now().Add(stepLimit)
	for {
		err := p.Try(actions...)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "node with given id") || time.Now().After(last) {
			p.T.Fatalf("%s: %v%s", what, err, p.where())
		}
	}
}

// Size makes the window so many CSS pixels wide and high.
func (p *Page) Size(width, height int64) {
	p.T.Helper()
	Call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < phone})
}

// Language makes the browser ask for pages in a language such as "zh-CN,zh".
func (p *Page) Language(accept string) {
	p.T.Helper()
	Call(p, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": accept}})
}

// Shot keeps a picture of the whole page as .ci/out/screens/NAME.png.
func (p *Page) Shot(name string) {
	p.T.Helper()
	if err := p.keep(name); err != nil {
		p.T.Fatal(err)
	}
}

func (p *Page) keep(name string) error {
	if err := p.TryEval(`scrollTo(0, 0)`, nil); err != nil { // what sticks to the window would stand in the middle of the picture
		return err
	}
	ctx, cancel := context.WithTimeout(p.Ctx, stepLimit)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(Out(p.T, "screens", fileName(name)+".png"), png, 0o644)
}
