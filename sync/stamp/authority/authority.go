// Package authority asks time-stamping authorities (RFC 3161) over HTTP.
//
// An authority is somebody else's machine: everything it sends is bounded, in
// bytes and in time, redirects are not followed, and an answer counts only once
// it has verified, against the roots and policies that the configuration names
// and with the nonce that was sent. Plain HTTP is as good as HTTPS here: the
// request is a digest, and the answer is signed.
package authority

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"fieldseal/sync/stamp"
)

const (
	// DefaultTimeout bounds one request from the first byte to the last. Public
	// authorities answer within a second; an export waits for no longer than this.
	DefaultTimeout = 15 * time.Second
	// maxTimeout bounds what can be configured.
	maxTimeout = 5 * time.Minute
	// maxHeader bounds the header of an answer.
	maxHeader = 16 << 10
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
)

var (
	// ErrConfig is wrapped by every fault of a Config.
	ErrConfig = errors.New("a time-stamping authority is not configured as it must be")
	// ErrUnreachable is wrapped where no answer came, or not all of it: try again later.
	ErrUnreachable = errors.New("the time-stamping authority did not answer")
	// ErrAnswer is wrapped where what came is no answer to a time-stamp query.
	ErrAnswer = errors.New("the time-stamping authority's answer is not one of RFC 3161")
)

// Config is one authority.
type Config struct {
	// Name is how it is called in files and messages: 1 to 32 of a-z, 0-9 and -.
	Name string
	// URL is where it answers, http or https.
	URL string
	// Roots are whom its certificate must lead to.
	Roots *stamp.Roots
	// Policies are the accepted policies, in dots; none means any.
	Policies []string
	// Timeout bounds one request; 0 means DefaultTimeout.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

var (
	validName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	validPolicy = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]{0,30})){1,30}$`)
)

// Validate joins all faults; each wraps ErrConfig.
func (c Config) Validate() error {
	var faults []error
	bad := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if !validName.MatchString(c.Name) {
		bad("the name %.80q is not 1 to 32 of a-z, 0-9 and - (neither first nor last)", c.Name)
	}
	switch u, err := url.Parse(c.URL); {
	case err != nil: // the error would repeat the address, in which a password may stand
		bad("%s: the url cannot be read", c.Name)
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "":
		bad("%s: the url %s is not an http or https address", c.Name, u.Redacted())
	}
	for i, p := range c.Policies {
		if !validPolicy.MatchString(p) || slices.Contains(c.Policies[:i], p) {
			bad("%s: the policy %.80q is not an object identifier such as 1.3.6.1.4.1.13762.3, or is there twice", c.Name, p)
		}
	}
	if c.Roots == nil {
		bad("%s: roots are missing", c.Name)
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		bad("%s: the timeout %s is not between 0 and %s", c.Name, c.Timeout, maxTimeout)
	}
	return errors.Join(faults...)
}

// Authority asks one authority. It is safe for concurrent use.
type Authority struct {
	c    Config
	http *http.Client
}

// New makes an authority. It does no I/O.
func New(c Config) (*Authority, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: c.Timeout}).DialContext,
		TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout, MaxResponseHeaderBytes: maxHeader,
		DisableCompression: true, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	return &Authority{c, &http.Client{Transport: t, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Name is the configured name.
func (a *Authority) Name() string { return a.c.Name }

// Receipt is a token that has verified.
type Receipt struct {
	Token    *stamp.Token
	Verified *stamp.Verified
	// Skew is how far the authority's time lies outside the time between request
	// and answer by our own clock, accuracy allowed for; 0 where the clocks agree. A token with
	// a skew is good; one of the clocks is not.
	Skew time.Duration
}

// Stamp asks for a token over a SHA-256 digest. Errors wrap ErrUnreachable,
// ErrAnswer or those of package stamp, or are ctx's.
func (a *Authority) Stamp(ctx context.Context, digest [32]byte) (*Receipt, error) {
	r, err := stamp.NewRequest(digest)
	if err != nil {
		return nil, a.because(err)
	}
	sent := a.c.Now()
	answer, err := a.post(ctx, r.DER)
	if err != nil {
		return nil, a.because(err)
	}
	back := a.c.Now()
	t, err := stamp.ReadAnswer(answer)
	if err != nil {
		return nil, a.because(err)
	}
	v, err := t.Verify(digest, stamp.Options{Roots: a.c.Roots, Policies: a.c.Policies, Nonce: r.Nonce})
	if err != nil {
		return nil, a.because(err)
	}
	return &Receipt{Token: t, Verified: v, Skew: skew(v, sent, back)}, nil
}

// tick is the precision of a token without fractions of a second.
const tick = time.Second

func skew(v *stamp.Verified, sent, back time.Time) time.Duration {
	if early := sent.Sub(v.Latest().Add(tick)); early > 0 {
		return -early
	}
	if late := v.Time.Add(-v.Accuracy).Sub(back); late > 0 {
		return late
	}
	return 0
}

func (a *Authority) because(err error) error {
	return fmt.Errorf("time-stamping authority %s: %w", a.c.Name, err)
}

func (a *Authority) post(ctx context.Context, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.c.URL, bytes.NewReader(query))
	if err != nil {
		return nil, fmt.Errorf("%w: the address cannot be used", ErrUnreachable)
	}
	req.Header.Set("Content-Type", queryType)
	req.Header.Set("Accept", replyType)
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, lost(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrAnswer, resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != replyType {
		return nil, fmt.Errorf("%w: its content type is %.80q, not %s", ErrAnswer, resp.Header.Get("Content-Type"), replyType)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, stamp.MaxToken+1))
	switch {
	case err != nil:
		return nil, lost(ctx, err)
	case len(answer) > stamp.MaxToken:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrAnswer, stamp.MaxToken)
	}
	return answer, nil
}

// lost leaves the address out of an error, because a password may stand in it.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
