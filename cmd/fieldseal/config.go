package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/blob"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"

	"gopkg.in/yaml.v3"
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
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%s is not a data directory of fieldseal: it has no %s. Make one with: fieldseal init --data %s --name NAME --origin ORIGIN", dir, configName, dir)
	}
	if err != nil {
		return c, err
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// save writes a new data directory's configuration.
func (c Config) save() error {
	data, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, configName), data, 0o600)
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
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		faults = append(faults, fmt.Errorf("listen %q is not an address such as 127.0.0.1:8080", c.Listen))
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		faults = append(faults, errors.New("tls: certificate and key go together"))
	}
	if ip := net.ParseIP(host); err == nil && c.TLS.Certificate == "" && !c.BehindProxy && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		faults = append(faults, fmt.Errorf("listen %q can be reached from other machines without TLS. Set tls.certificate and tls.key, or behind_proxy: true where a reverse proxy adds TLS", c.Listen))
	}
	for name, path := range map[string]string{"guard": c.Guard, "keys": c.Keys, "media": c.Media, "derivatives": c.Derivatives} {
		if path == "" {
			faults = append(faults, fmt.Errorf("%s is missing", name))
		}
	}
	if _, ok := logLevels[c.Log]; !ok {
		faults = append(faults, fmt.Errorf("log %q is not debug, info, warn or error", c.Log))
	}
	return errors.Join(slices.Concat(faults, c.timestampFaults(), c.witnessFaults())...)
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
