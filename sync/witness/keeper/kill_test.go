//go:build unix

package keeper

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"fieldseal/sync/witness/witnesstest"
)

// envKill makes this test binary a witness that kills itself: state, marks, step.
const envKill = "KEEPER_TEST_KILL"

func TestMain(m *testing.M) {
	if os.Getenv(envKill) != "" {
		os.Exit(victim(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// victim cosigns growth from 5 to 9 and prints the cosignature, unless it dies
// by SIGKILL at the step that it is told.
func victim(args []string) int {
	k, err := Open(context.Background(), Paths{args[0], args[1]})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	k.step = func(at string) {
		if at == args[2] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	l := witnesstest.New(origin, 9, "a")
	sig, err := attempt(context.Background(), k, l, 5)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(sig.Line())
	return 0
}

// TestKill ends the witness by SIGKILL at each step. Whatever it had given out is
// remembered, a mark is never ahead of the state, and the log can always go on;
// a fork never can.
func TestKill(t *testing.T) {
	for _, step := range []string{"decided", "signed", "written", "committed", "raised", "never"} {
		t.Run(step, func(t *testing.T) {
			p, l := create(t), witnesstest.New(origin, 5, "a")
			k := must(Open(t.Context(), p))
			cosign(t, k, l, 0)
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), must(os.Executable()), p.State, p.Marks, step)
			cmd.Env = append(os.Environ(), envKill+"=1")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			if killed := cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled(); killed == (step == "never") {
				t.Fatalf("it ended with %v: %s", err, errs.Bytes())
			}
			k = reopen(t, p)
			record, mark := known(t, k)
			if record.Tree != mark.Tree {
				t.Errorf("remembered %v, marked %v", record.Tree, mark.Tree)
			}
			before := step == "decided" || step == "signed" || step == "written"
			if before != (record.Size == 5) || !before && record.Size != 9 {
				t.Errorf("remembered size %d", record.Size)
			}
			if out.Len() > 0 && record.Size != 9 {
				t.Errorf("%q was given out and is not remembered", out.Bytes())
			}
			fork := witnesstest.New(origin, int(record.Size)+1, "b")
			if _, err := submit(t, k, fork, record.Size); status(err) != 422 {
				t.Errorf("another history: %v", err)
			}
			l = witnesstest.New(origin, 12, "a")
			cosign(t, k, l, record.Size)
		})
	}
}
