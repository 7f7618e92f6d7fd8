package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fieldseal/cmd/settings"
	"fieldseal/sync/blob"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

// configName is the configuration file within a data directory.
const configName = "fieldseal.yaml"

// Config is everything that can be configured, as fieldseal.yaml holds it. Keys
// are files, never values, so the file and anything printed of it carry no secret
// but a database password, which String leaves out.
type Config struct {
	// Origin is the ledger's name, as C2SP tlog-checkpoint has it: a host name and
	// path of yours, without a scheme. It can never change.
	Origin string `yaml:"origin"`
	// Listen is the address to serve on. Other than loopback needs TLS, or a
	// reverse proxy that adds it (behind_proxy).
	Listen string `yaml:"listen"`
	// PublicURL is how devices reach the server; sealed sign-ins name it.
	PublicURL string `yaml:"public_url"`
	// TLS is a certificate and its key, as PEM files.
	TLS struct {
		Certificate string `yaml:"certificate,omitempty"`
		Key         string `yaml:"key,omitempty"`
	} `yaml:"tls,omitempty"`
	// BehindProxy says that a reverse proxy on a trusted network adds TLS.
	BehindProxy bool `yaml:"behind_proxy,omitempty"`
	// Database is empty for the embedded SQLite file, or a postgres:// address.
	Database string `yaml:"database,omitempty"`
	// Guard is the checkpoint guard's own small database: on another volume if there is one, never restored from a backup.
	Guard string `yaml:"guard"`
	// Keys is the directory of the private keys; Media of the original files;
	// Derivatives of thumbnails, which can be deleted at any time.
	Keys        string `yaml:"keys"`
	Media       string `yaml:"media"`
	Derivatives string `yaml:"derivatives"`
	// Timestamps are the time-stamping authorities (RFC 3161) that stamp checkpoints,
	// every TimestampEvery while the ledger grows (1h if left out) and for each bundle.
	Timestamps     []TimestampConfig `yaml:"timestamps,omitempty"`
	TimestampEvery time.Duration     `yaml:"timestamp_every,omitempty"`
	// Witnesses cosign each checkpoint; Quorum is how many of them must for it to
	// count as witnessed, the majority if left out.
	Witnesses []WitnessConfig `yaml:"witnesses,omitempty"`
	Quorum    int             `yaml:"quorum,omitempty"`
	// Former is the data directory of the log that this one continues, where it is on
	// this machine: bundles of cases that lie in both are made from both.
	Former string `yaml:"former,omitempty"`
	// Verify is the directory of the verifier for browsers; "verify" beside the program
	// if left out. ChineseFont is the TrueType font that certificates set Chinese in;
	// that of Debian's fonts-droid-fallback if left out.
	Verify      string `yaml:"verify,omitempty"`
	ChineseFont string `yaml:"chinese_font,omitempty"`
	// Log is debug, info, warn or error.
	Log string `yaml:"log"`

	dir string
}

// defaults is the configuration of a new data directory.
func defaults(dir string) Config {
	return Config{Listen: "127.0.0.1:8080", PublicURL: "http://127.0.0.1:8080", Guard: "guard/guard.sqlite", Keys: "keys",
		Media: "media", Derivatives: "derivatives", Log: "info", dir: dir}
}

// loadConfig reads a data directory's configuration.
func loadConfig(dir string) (Config, error) {
	c := defaults(dir)
	path := filepath.Join(dir, configName)
	err := settings.Read(path, &c)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%s is not a data directory of fieldseal: it has no %s. Make one with: fieldseal init --data %s --name NAME --origin ORIGIN", dir, configName, dir)
	}
	if err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// save writes a new data directory's configuration.
func (c Config) save() error {
	return settings.Write(filepath.Join(c.dir, configName), c)
}

// Validate joins all faults.
func (c Config) Validate() error {
	var faults []error
	if err := ledger.ValidOrigin(c.Origin); err != nil {
		faults = append(faults, fmt.Errorf("origin: %w", err))
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		faults = append(faults, fmt.Errorf("public_url %q is not an http or https address", c.PublicURL))
	}
	faults = append(faults, c.listening().Faults()...)
	for name, path := range map[string]string{"guard": c.Guard, "keys": c.Keys, "media": c.Media, "derivatives": c.Derivatives} {
		if path == "" {
			faults = append(faults, fmt.Errorf("%s is missing", name))
		}
	}
	return errors.Join(slices.Concat(faults, settings.LevelFaults(c.Log), c.timestampFaults(), c.witnessFaults())...)
}

// listening is where the server serves, with the paths of its certificate.
func (c Config) listening() settings.Listening {
	l := settings.Listening{Address: c.Listen, Certificate: c.TLS.Certificate, Key: c.TLS.Key, BehindProxy: c.BehindProxy}
	for _, p := range []*string{&l.Certificate, &l.Key} {
		if *p != "" {
			*p = c.path(*p)
		}
	}
	return l
}

// path resolves a path of the configuration against the data directory.
func (c Config) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

// mediaThere refuses a media directory that init did not make: most likely its
// volume is not mounted, and files that are acknowledged now would be gone from
// sight when it is mounted again.
func (c Config) mediaThere() error {
	dir := c.path(c.Media)
	if _, err := os.Stat(filepath.Join(dir, blob.FormatFile)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return fmt.Errorf("the media directory %s is not there or is empty, although this server has one: is its volume mounted? "+
		"Where the files are lost for good, start once with: fieldseal serve --media-lost; fieldseal fsck --media then lists what is missing", dir)
}

func (c Config) store() store.Config {
	if strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://") {
		return store.Config{Driver: store.Postgres, DSN: c.Database}
	}
	return store.Config{Driver: store.SQLite, Path: c.path("fieldseal.sqlite")}
}
