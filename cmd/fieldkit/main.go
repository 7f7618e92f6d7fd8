// Command fieldkit is an inspector's or a laboratory's device on a laptop: it
// captures, seals and keeps evidence with the network off, and hands it in when
// there is one. See package fieldcli.
//
// Exit status: 0 fine, 1 the answer is no, 2 it could not be done.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"fieldseal/mobile-contract/device/fieldcli"

	"golang.org/x/term"
)

// version is set by the linker for releases.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status := fieldcli.Run(ctx, version, os.Args[1:], fieldcli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Env: os.Getenv, Terminal: term.IsTerminal(int(os.Stderr.Fd()))})
	os.Exit(status)
}
