//go:build !js

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"fieldseal/sync/bundle/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, progressBar()))
}

// progressBar draws on standard error where that is a terminal. Progress
// without a stage wipes it away.
func progressBar() func(verify.Progress) {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var last time.Time
	drawn := false
	return func(p verify.Progress) {
		if p.Stage == "" {
			if drawn {
				fmt.Fprint(os.Stderr, "\r\x1b[K")
			}
			return
		}
		if p.Total <= 0 || time.Since(last) < 100*time.Millisecond {
			return
		}
		last, drawn = time.Now(), true
		const width = 30
		n := int(width * p.Done / p.Total)
		fmt.Fprintf(os.Stderr, "\r%-7s [%s%s] %3d %%", p.Stage, strings.Repeat("#", n), strings.Repeat(" ", width-n), 100*p.Done/p.Total)
	}
}
