// Command fieldseal is the server of fieldseal and its administration: it keeps
// the chain-of-custody ledger, takes in what devices hand in, and makes court
// bundles.
//
// Exit status: 0 fine, 1 the answer is no, 2 it could not be done.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases.
var version = "development"

// errNo ends a command with status 1: it ran, and the answer is no.
var errNo = errors.New("no")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errNo):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "fieldseal:", err)
		os.Exit(2)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "fieldseal",
		Short:         "Keep field evidence in custody: server, administration, court bundles",
		Example:       "  fieldseal init --data /var/lib/fieldseal --name \"City Environment Bureau\" --origin custody.example.cn/log\n  fieldseal serve --data /var/lib/fieldseal",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().String("data", "fieldseal-data", "the data `directory`")
	root.AddCommand(initCommand(), serveCommand(), adminCommand(), caseCommand(), timestampCommand(), bundleCommand(), certificateCommand(), logCommand(), fsckCommand(), rebuildCommand(), backupCommand(), restoreCommand(), recoverCommand(), freezeCommand(), successorCommand(), guardCommand(), conformanceCommand())
	return root
}
