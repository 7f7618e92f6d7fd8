package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"fieldseal/api/console/checker"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/certificate"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// openDesks reads what the desks give out beside records: the fonts of certificates
// and the verifier for browsers. A server without the verifier runs, and says so.
func (h *house) openDesks() (err error) {
	if h.fonts, err = h.cfg.fonts(); err != nil {
		return err
	}
	dir, err := h.cfg.verifyDir()
	if err != nil {
		return err
	}
	h.verifier, err = checker.Open(dir)
	if errors.Is(err, checker.ErrAbsent) {
		h.log.Warn("the verify page has no verifier", "cause", err.Error())
		return nil
	}
	return err
}

func (c Config) fonts() (*certificate.Fonts, error) {
	if c.ChineseFont == "" {
		return certificate.OpenFonts("")
	}
	return certificate.OpenFonts(c.path(c.ChineseFont))
}

// verifyDir is where the verifier for browsers is: as configured, else beside the
// program, where `make build` puts it.
func (c Config) verifyDir() (string, error) {
	if c.Verify != "" {
		return c.path(c.Verify), nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the verifier for browsers: %w. Name its directory in the setting verify", err)
	}
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	return filepath.Join(filepath.Dir(program), checker.Dir), nil
}

func certificateCommand() *cobra.Command {
	var number, out, purpose, recipient, lang string
	var items []string
	c := &cobra.Command{
		Use: "certificate", Short: "Make the custody certificate (PDF) of a case or of chosen exhibits", Args: cobra.NoArgs,
		Example: "  fieldseal certificate --case 2026-HW-017 --lang zh --out case.pdf",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				o := certificate.Options{Language: bag.Language(lang), Purpose: purpose, For: recipient, Made: time.Now().Truncate(time.Second), ID: newUUID()}
				var err error
				if o.Case, o.Exhibits, err = chosen(ctx, h, number, items); err != nil {
					return err
				}
				if o.Address, err = recordAddress(h.cfg.PublicURL, o.Case, o.Exhibits); err != nil {
					return err
				}
				return writeCertificate(c, h, o, out)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&number, "case", "", "`number` or id of the case")
	f.StringVarP(&out, "out", "o", "", "the `file` to write")
	f.StringArrayVar(&items, "item", nil, "label or `id` of an exhibit to certify; repeatable; all of the case without it")
	f.StringVar(&lang, "lang", "en", "the certificate's `language`, en or zh")
	f.StringVar(&purpose, "purpose", "", "`what` it is for; it is stated in it")
	f.StringVar(&recipient, "for", "", "for `whom` it is made; it is stated in it")
	_ = c.MarkFlagRequired("case")
	_ = c.MarkFlagRequired("out")
	return c
}

// recordAddress is where the desks show a case, or the one exhibit that is certified.
func recordAddress(public string, id event.UUID, exhibits []event.Ref) (string, error) {
	u, err := url.Parse(public)
	if err != nil {
		return "", err
	}
	u = u.JoinPath("desk/court/cases", id.String())
	if len(exhibits) == 1 {
		u = u.JoinPath("items", string(exhibits[0].Kind), exhibits[0].ID.String())
	}
	return u.String(), nil
}

// writeCertificate makes the certificate with the witnesses that are configured,
// and writes it beside the target first.
func writeCertificate(c *cobra.Command, h *house, o certificate.Options, out string) error {
	fonts, err := h.cfg.fonts()
	if err != nil {
		return err
	}
	if err := h.watch(c.Context()); err != nil {
		return err
	}
	defer h.keepWitnessing(c.Context())() // beside the server's own, if one runs
	s, done, err := newServer(h)
	if err != nil {
		return err
	}
	defer done()
	in, err := s.Certify(c.Context(), o)
	if err != nil {
		return err
	}
	var pdf bytes.Buffer
	if err := certificate.Write(&pdf, in, fonts); err != nil {
		return err
	}
	if err := writeWhole(out, pdf.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "wrote %s: certificate %s over %d entries of the ledger, cosigned by %d witnesses\n", out, o.ID, in.Checkpoint.Size, len(in.Checkpoint.Witnesses))
	return nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".certificate-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
