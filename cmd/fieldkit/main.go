// Command fieldkit is an inspector's or a laboratory's device on a laptop: it
// captures, seals and keeps evidence with the network off, and hands it in when
// there is one.
//
// Exit status: 0 fine, 1 the answer is no, 2 it could not be done.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"fieldseal/mobile-contract/device"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases.
var version = "development"

// errNo ends a command with status 1: it ran, and the answer is no.
var errNo = errors.New("no")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := rootCommand().ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errNo):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "fieldkit:", err)
		os.Exit(2)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "fieldkit",
		Short:         "Capture, seal and hand in field evidence",
		Long:          "Capture, seal and hand in field evidence. Everything but enrol and sync works with the network off. A command says \"saved\" only when the sealed record is durable on this device.",
		Example:       "  fieldkit --store my-device enrol --server https://custody.example.cn --code X4HL-FSKC-J5Q5-RLX2\n  fieldkit --store my-device case open --number 2026-HW-017 --title \"Drums by the river\" --authority \"City Environment Bureau\"\n  fieldkit --store my-device status",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().String("store", "fieldkit-store", "the device's store, a `directory`")
	root.PersistentFlags().String("lang", "en", "language of what is said: en or zh")
	root.PersistentFlags().Bool("json", false, "JSON for scripts")
	root.AddCommand(enrolCommand(), syncCommand(), statusCommand(), exportCommand())
	root.AddCommand(recordCommands()...)
	root.AddCommand(photoCommand(), fileCommand(), airCommand(), handoverCommand(), resultsCommand(), signCommand(), listCommand(), showCommand())
	return root
}

// openStore opens the store that the command names.
func openStore(c *cobra.Command) (*device.Store, error) {
	dir, _ := c.Flags().GetString("store")
	return device.Open(c.Context(), dir, device.Options{Model: model(), App: "fieldkit " + version})
}

func model() string {
	host, err := os.Hostname()
	if err != nil {
		return "laptop"
	}
	return "laptop " + host
}

// within runs fn with the store open.
func within(c *cobra.Command, fn func(*device.Store) error) error {
	s, err := openStore(c)
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

func wantsJSON(c *cobra.Command) bool { v, _ := c.Flags().GetBool("json"); return v }

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
