// Command page builds the verifier for browsers: the files that a server gives
// its verify page from, and the one file that works with the network off.
//
//	go run ./cmd/custody-verify/page bin/verify
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"fieldseal/api/console/checker"
	"fieldseal/api/console/checker/compile"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./cmd/custody-verify/page DIRECTORY")
		os.Exit(2)
	}
	files, err := compile.Files(context.Background())
	if err == nil {
		err = files.Write(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
	fmt.Printf("%s  %s\n", checker.Digest(files.Page), filepath.Join(os.Args[1], checker.PageFile))
}
