// Package settings is what the commands that serve have in common: a strict
// configuration file, a listener that other machines reach by TLS only, and a log.
package settings

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"gopkg.in/yaml.v3"
)

// Read reads a configuration over its defaults. A setting that does not exist is an
// error; a file that does not exist is os.ErrNotExist.
func Read(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return nil
}

// Write writes a configuration for its owner alone.
func Write(path string, from any) error {
	data, err := yaml.Marshal(from)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// Listening is where a command serves and who adds TLS: itself, with a certificate
// and its key as PEM files, or a reverse proxy on a trusted network.
type Listening struct {
	Address, Certificate, Key string
	BehindProxy               bool
}

// Faults lists what is wrong: above all an address that other machines reach without TLS.
func (l Listening) Faults() (faults []error) {
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		faults = append(faults, fmt.Errorf("listen %q is not an address such as 127.0.0.1:8080", l.Address))
	}
	if (l.Certificate == "") != (l.Key == "") {
		faults = append(faults, errors.New("tls: certificate and key go together"))
	}
	if ip := net.ParseIP(host); err == nil && l.Certificate == "" && !l.BehindProxy && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		faults = append(faults, fmt.Errorf("listen %q can be reached from other machines without TLS. Set tls.certificate and tls.key, or behind_proxy: true where a reverse proxy adds TLS", l.Address))
	}
	return faults
}

// Open listens, with TLS where there is a certificate. protocols are those offered
// in the handshake; none: the standard ones.
func (l Listening) Open(protocols ...string) (net.Listener, error) {
	plain, err := net.Listen("tcp", l.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot serve on %s: %w. Is another server running there? Choose another address with --listen", l.Address, err)
	}
	if l.Certificate == "" {
		return plain, nil
	}
	cert, err := tls.LoadX509KeyPair(l.Certificate, l.Key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the TLS certificate: %w", err), plain.Close())
	}
	return tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: protocols}), nil
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// LevelFaults says whether a log level is none.
func LevelFaults(level string) (faults []error) {
	if _, ok := levels[level]; !ok {
		faults = append(faults, fmt.Errorf("log %q is not debug, info, warn or error", level))
	}
	return faults
}

// Logger logs from a level on, as text or, where format is json, as JSON.
func Logger(w io.Writer, level, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: levels[level]}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
