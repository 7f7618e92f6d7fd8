package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/report"
	"fieldseal/sync/stamp"
	"fieldseal/sync/witness"
)

// The exit statuses.
const (
	exitAuthentic    = 0 // with or without defects
	exitNotAuthentic = 1
	exitUnreadable   = 2 // also: the command cannot be understood
)

const usage = `custody-verify checks an evidence bundle. It needs the file alone: no network, no server.

Usage:
  custody-verify FILE [--trust KEY]… [--trust-witness KEY]… [--trust-tsa FILE]… [--lang en|zh] [--record EXHIBIT] [--json] [--report PAGE.html]

Flags:
  --trust KEY       what you trust: a ledger verifier key, the 64 hex digits of an authority's key, or a file
                    with one of these a line. Without it a bundle shows only that it agrees with itself. Where the case lies
                    in two ledgers, name a key of each.
  --trust-witness KEY
                    the verifier key of an independent witness that you trust, or a file with one a line; repeatable.
                    More than half of those named must have cosigned the ledger's checkpoint.
  --witness-quorum N
                    so many of the witnesses named must have cosigned it instead
  --trust-tsa FILE  root certificates (PEM) of time-stamping authorities that you trust; repeatable. Time-stamps of
                    others, and all of them without it, bound no time.
  --tsa-policy OID  accept only time-stamps made under this policy; repeatable
  --lang en|zh      language of the output (default: that of the bundle)
  --record EXHIBIT  show the chain of custody of one exhibit, by its label or id
  --json            print the whole verdict as JSON
  --report PAGE     also write the verdict as a page for people

Exit status:
  0 authentic, with or without defects · 1 not authentic · 2 the file cannot be read as a bundle

Example:
  custody-verify case-2026-HW-017.zip --trust authority.key --record S-0001
`

type config struct {
	file, lang, record, page string
	json                     bool
	tsa                      []byte // certificates of all --trust-tsa
	opts                     verify.Options
}

var errUsage = errors.New("usage")

// parse reads the arguments, flags before or behind the file.
func parse(args []string, out io.Writer) (c config, err error) {
	f := flag.NewFlagSet("custody-verify", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&c.json, "json", false, "")
	f.StringVar(&c.lang, "lang", "", "")
	f.StringVar(&c.record, "record", "", "")
	f.StringVar(&c.page, "report", "", "")
	f.Func("trust", "", func(s string) error { return trust(&c.opts, s) })
	f.Func("trust-witness", "", func(s string) error { return trustWitness(&c.opts, s) })
	f.IntVar(&c.opts.WitnessQuorum, "witness-quorum", 0, "")
	f.Func("trust-tsa", "", func(s string) error {
		text, err := os.ReadFile(s)
		c.tsa = append(append(c.tsa, text...), '\n')
		return err
	})
	f.Func("tsa-policy", "", func(s string) error {
		if _, err := x509.ParseOID(s); err != nil {
			return fmt.Errorf("%q is not an object identifier such as 1.3.6.1.4.1.13762.3", s)
		}
		c.opts.TSAPolicies = append(c.opts.TSAPolicies, s)
		return nil
	})
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprint(out, usage)
				return c, flag.ErrHelp
			}
			return c, fmt.Errorf("%w: %w", errUsage, err)
		}
		if args = f.Args(); len(args) > 0 {
			if c.file != "" {
				return c, fmt.Errorf("%w: one file at a time, not also %s", errUsage, args[0])
			}
			c.file, args = args[0], args[1:]
		}
	}
	if c.tsa != nil {
		if c.opts.TrustedTSA, err = stamp.ParseRoots(c.tsa); err != nil {
			return c, fmt.Errorf("%w: --trust-tsa: %w", errUsage, err)
		}
	}
	switch {
	case c.file == "":
		return c, fmt.Errorf("%w: name the bundle's file", errUsage)
	case c.lang != "" && c.lang != string(bag.English) && c.lang != string(bag.Chinese):
		return c, fmt.Errorf("%w: --lang is en or zh", errUsage)
	case c.json && c.record != "":
		return c, fmt.Errorf("%w: --json prints all exhibits; leave out --record", errUsage)
	case len(c.opts.TSAPolicies) > 0 && c.tsa == nil:
		return c, fmt.Errorf("%w: --tsa-policy needs --trust-tsa", errUsage)
	}
	return c, nil
}

// trust takes up a key, or the keys in a file.
func trust(o *verify.Options, s string) error {
	if takeKey(o, s) {
		return nil
	}
	return keysIn(s, "neither a ledger verifier key, a witness's, nor an authority's key id", func(line string) bool { return takeKey(o, line) })
}

// trustWitness takes up a witness's key, or those in a file.
func trustWitness(o *verify.Options, s string) error {
	take := func(text string) bool {
		_, err := witness.ParseVerifier(text)
		if err == nil {
			o.TrustedWitnesses = append(o.TrustedWitnesses, text)
		}
		return err == nil
	}
	if take(s) {
		return nil
	}
	return keysIn(s, "not the verifier key of a witness", take)
}

// takeKey takes up a key of any kind; what it is shows in its form.
func takeKey(o *verify.Options, s string) bool {
	if d, err := event.ParseDigest(s); err == nil {
		o.TrustedAuthorities = append(o.TrustedAuthorities, d)
		return true
	}
	if _, err := ledger.ParseVerifier(s); err == nil {
		o.TrustedLogKeys = append(o.TrustedLogKeys, s)
		return true
	}
	if _, err := witness.ParseVerifier(s); err == nil {
		o.TrustedWitnesses = append(o.TrustedWitnesses, s)
		return true
	}
	return false
}

// keysIn gives take each line of a file that is neither empty nor a comment.
func keysIn(path, otherwise string, take func(string) bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%q is not a key, and not a file with keys: %w", path, err)
	}
	found := false
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		found = true
		if !take(line) {
			return fmt.Errorf("%s: a line is %s: %.80q", path, otherwise, line)
		}
	}
	if !found {
		return fmt.Errorf("%s has no key in it", path)
	}
	return nil
}

// run is the command: it gives the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, bar func(verify.Progress)) int {
	c, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitAuthentic
	case err != nil:
		fmt.Fprintf(stderr, "custody-verify: %v\nTry: custody-verify --help\n", err)
		return exitUnreadable
	}
	c.opts.Progress = bar
	v, err := open(ctx, c)
	if bar != nil {
		bar(verify.Progress{})
	}
	if err != nil {
		fmt.Fprintf(stderr, "custody-verify: %s: %v\n", c.file, err)
		return exitUnreadable
	}
	w := bufio.NewWriter(stdout)
	if err := write(w, c, v); err != nil {
		fmt.Fprintf(stderr, "custody-verify: %v\n", err)
		return exitUnreadable
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintf(stderr, "custody-verify: writing the verdict: %v\n", err)
		return exitUnreadable
	}
	if v.Result == verify.NotAuthentic {
		return exitNotAuthentic
	}
	return exitAuthentic
}

func open(ctx context.Context, c config) (*verify.Verdict, error) {
	f, err := os.Open(c.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is not a regular file", verify.ErrUnreadable)
	}
	return verify.Verify(ctx, f, info.Size(), c.opts)
}

// write prints the verdict, and writes the page where one is wanted.
func write(w io.Writer, c config, v *verify.Verdict) error {
	lang := bag.Language(c.lang)
	if lang == "" {
		lang = bag.English
		if v.Bundle != nil {
			lang = v.Bundle.Language
		}
	}
	if c.page != "" {
		var b bytes.Buffer
		if err := report.Render(&b, v, report.Options{Language: lang}); err != nil {
			return err
		}
		if err := os.WriteFile(c.page, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing the page: %w", err)
		}
	}
	if c.json {
		b, err := v.JSON()
		if err != nil {
			return err
		}
		_, err = w.Write(append(b, '\n'))
		return err
	}
	p := &printer{w: w, v: v, lang: lang}
	if c.record != "" {
		return p.record(c.record)
	}
	p.verdict()
	return nil
}
