// Command custody-witness is an independent witness of custody ledgers: a police
// bureau, a procuratorate and a court each run one, so that a ledger which shows
// two histories is found out. It speaks C2SP tlog-witness, for fieldseal's ledgers
// and for any other log of that kind.
//
// What a witness is worth is that another hand holds it: its key, its disk, its
// clock and its operator must not be those of the log.
//
// Exit status: 0 fine, 1 the answer is no, 2 it could not be done.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command: it gives the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return 0
	case errors.Is(err, errNo):
		return 1
	default:
		fmt.Fprintln(stderr, "custody-witness:", err)
		return 2
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "custody-witness",
		Short: "Witness custody ledgers: cosign what only grows, and keep what does not as evidence",
		Example: "  custody-witness init --data /var/lib/custody-witness --name court.example.cn/witness --log LOGKEY\n" +
			"  custody-witness serve --data /var/lib/custody-witness",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().String("data", "custody-witness-data", "the data `directory`")
	root.AddCommand(initCommand(), serveCommand(), statusCommand(), reseedCommand(), evidenceCommand())
	return root
}

func dataDir(c *cobra.Command) string {
	dir, _ := c.Flags().GetString("data")
	return dir
}
