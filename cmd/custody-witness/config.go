package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fieldseal/cmd/settings"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/keeper"
)

// configName is the configuration file within a data directory.
const configName = "witness.yaml"

// Config is everything that can be configured, as witness.yaml holds it. The key
// is a file, never a value.
type Config struct {
	// Name is the witness's, a URL without a scheme such as court.example.cn/witness.
	// It is part of its key and can never change.
	Name string `yaml:"name"`
	// Listen is the address to serve on. Other than loopback needs TLS, or a
	// reverse proxy that adds it (behind_proxy).
	Listen string `yaml:"listen"`
	// Prefix is the path before /add-checkpoint, such as /witness; empty for none.
	Prefix string `yaml:"prefix,omitempty"`
	// TLS is a certificate and its key, as PEM files.
	TLS struct {
		Certificate string `yaml:"certificate,omitempty"`
		Key         string `yaml:"key,omitempty"`
	} `yaml:"tls,omitempty"`
	// BehindProxy says that a reverse proxy on a trusted network adds TLS.
	BehindProxy bool `yaml:"behind_proxy,omitempty"`
	// Key is the file of the private key.
	Key string `yaml:"key"`
	// State is the file of what was cosigned, Marks the file that tells whether it
	// is the newest: on another volume if there is one. Neither is restored from a backup.
	State string `yaml:"state"`
	Marks string `yaml:"marks"`
	// Logs are the verifier keys (vkey) of the ledgers that are witnessed. While a
	// ledger changes its key, both stand here.
	Logs []string `yaml:"logs"`
	// Log is debug, info, warn or error.
	Log string `yaml:"log"`

	dir string
}

// defaults is the configuration of a new data directory.
func defaults(dir string) Config {
	return Config{Listen: "127.0.0.1:8100", Key: "keys/witness.key", State: "witness.sqlite", Marks: "marks/marks.sqlite", Logs: []string{}, Log: "info", dir: dir}
}

// loadConfig reads a data directory's configuration.
func loadConfig(dir string) (Config, error) {
	c := defaults(dir)
	path := filepath.Join(dir, configName)
	err := settings.Read(path, &c)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%s is not the data directory of a witness: it has no %s. Make one with: custody-witness init --data %s --name NAME --log LOGKEY", dir, configName, dir)
	}
	if err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// listening is where the witness answers, with the paths of its certificate.
func (c Config) listening() settings.Listening {
	l := settings.Listening{Address: c.Listen, Certificate: c.TLS.Certificate, Key: c.TLS.Key, BehindProxy: c.BehindProxy}
	for _, p := range []*string{&l.Certificate, &l.Key} {
		if *p != "" {
			*p = c.path(*p)
		}
	}
	return l
}

// save writes a new data directory's configuration.
func (c Config) save() error {
	return settings.Write(filepath.Join(c.dir, configName), c)
}

// Validate joins all faults.
func (c Config) Validate() error {
	var faults []error
	if err := ledger.ValidOrigin(c.Name); err != nil {
		faults = append(faults, fmt.Errorf("name: %w", err))
	}
	faults = append(faults, c.listening().Faults()...)
	if c.Prefix != "" && (!strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/")) {
		faults = append(faults, fmt.Errorf("prefix %q must begin with / and not end with it", c.Prefix))
	}
	for name, path := range map[string]string{"key": c.Key, "state": c.State, "marks": c.Marks} {
		if path == "" {
			faults = append(faults, fmt.Errorf("%s is missing", name))
		}
	}
	if c.path(c.State) == c.path(c.Marks) {
		faults = append(faults, errors.New("state and marks are one file: the marks must be another, best on another volume"))
	}
	if _, err := c.logs(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, settings.LevelFaults(c.Log)...)
	return errors.Join(faults...)
}

// logs gives the keys by origin.
func (c Config) logs() (witness.Logs, error) {
	logs, seen := witness.Logs{}, map[string]bool{}
	for _, vkey := range c.Logs {
		v, err := ledger.ParseVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("logs: %w", err)
		}
		if seen[vkey] {
			return nil, fmt.Errorf("logs: %s stands there twice", vkey)
		}
		seen[vkey] = true
		logs[v.Name()] = append(logs[v.Name()], v)
	}
	return logs, nil
}

// path resolves a path of the configuration against the data directory.
func (c Config) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

func (c Config) files() keeper.Paths {
	return keeper.Paths{State: c.path(c.State), Marks: c.path(c.Marks)}
}

// signer reads the private key.
func (c Config) signer() (*witness.Key, error) {
	line, err := keyfile.Read(c.path(c.Key))
	if err != nil {
		return nil, err
	}
	k, err := witness.ParseKey(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path(c.Key), err)
	}
	if k.Name() != c.Name {
		return nil, fmt.Errorf("%s is the key of the witness %s, not of %s: configure the file of that witness", c.path(c.Key), k.Name(), c.Name)
	}
	return k, nil
}
