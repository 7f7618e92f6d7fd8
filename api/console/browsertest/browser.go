package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// startLimit is how long a browser may take to start on a busy machine.
	startLimit = 90 * time.Second
	// stepLimit is how long one action may take: what it waits for comes within a
	// second or never, but other tests share the machine.
	stepLimit = 45 * time.Second
	// desktopWidth and desktopHeight are a small office screen.
	desktopWidth, desktopHeight = 1280, 900
)

var shared struct {
	sync.Mutex
	browser context.Context
	stop    func()
	err     error
}

// Main runs a package's tests and ends the browser: func TestMain(m *testing.M) { browsertest.Main(m) }.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if shared.stop != nil {
		shared.stop()
	}
	shared.Unlock()
	os.Exit(code)
}

// executable finds the browser; empty where there is none.
func executable() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// browser gives the context of the one browser of this test binary.
func browser(t testing.TB) context.Context {
	t.Helper()
	path := executable()
	if path == "" {
		if os.Getenv("FIELDSEAL_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("no chromium is installed; .ci/install brings it")
		}
		t.Skip("no chromium is installed; .ci/install brings it")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.browser == nil && shared.err == nil {
		shared.browser, shared.stop, shared.err = startNew(path)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.browser
}

// startNew starts a browser whose profile is in a temporary folder.
func startNew(path string) (context.Context, func(), error) {
	dir, err := os.MkdirTemp("", "fieldseal-chromium-")
	if err != nil {
		return nil, nil, err
	}
	ctx, stop, err := start(path, dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return ctx, func() {
		stop()
		_ = os.RemoveAll(dir) // a test's own folder; what stays is the system's to clean
	}, nil
}

// start starts a browser on a profile.
func start(path, dir string, more ...chromedp.ExecAllocatorOption) (context.Context, func(), error) {
	opts := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Headless, chromedp.DisableGPU, chromedp.WindowSize(desktopWidth, desktopHeight), chromedp.WSURLReadTimeout(startLimit),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
	}, more...)
	if os.Geteuid() == 0 { // its sandbox refuses to run as root
		opts = append(opts, chromedp.NoSandbox)
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		cancelAlloc()
		return nil, nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return ctx, func() {
		cancel()
		cancelAlloc()
	}, nil
}

// OpenProfile starts a browser of its own on a profile in dir, which outlives it, and
// opens a page in it. kill ends the browser's process at once, as a power cut does.
func OpenProfile(t testing.TB, base, dir string) (p *Page, kill func()) {
	t.Helper()
	browser(t) // fails or skips where there is none
	var cmd *exec.Cmd
	ctx, stop, err := start(executable(), dir, chromedp.ModifyCmdFunc(func(c *exec.Cmd) { cmd = c }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p = open(t, ctx, strings.TrimSuffix(base, "/"))
	return p, func() {
		p.gone.Store(true)
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-p.Ctx.Done() // the connection has ended with the process
	}
}

// Out gives the path of a file below .ci/out, whose folder exists.
func Out(t testing.TB, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("there is no go.mod above the test")
		}
		dir = up
	}
	path := filepath.Join(append([]string{dir, ".ci", "out"}, parts...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// fileName makes a name of a test's name.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name)
}
