// Command take takes the README's pictures from the screenshots that the browser
// tests leave: the upper part of each, small enough for a page.
//
//	go run ./testdata/pictures/take .ci/out/screens testdata/pictures
package main

import (
	"fmt"
	"image"
	"os"
	"path/filepath"

	"github.com/disintegration/imaging"
)

// pictures are the screenshots that the README shows, and what it calls them.
var pictures = map[string]string{
	"lab-receiving.en": "desk-receiving", "lab-checkin-warned.zh": "desk-checkin-zh", "court-exhibit.en": "desk-exhibit",
	"supervisor-live.en": "desk-live", "court-verify-changed.en": "desk-verify-changed", "court-verify-authentic.zh": "desk-verify-zh",
}

const (
	// tallest is how much of a page is shown, in pixels of a window 1,280 wide.
	tallest = 1000
	// width is that of the pictures.
	width = 960
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./testdata/pictures/take SCREENS OUT")
		os.Exit(2)
	}
	for from, to := range pictures {
		if err := take(filepath.Join(os.Args[1], from+".png"), filepath.Join(os.Args[2], to+".png")); err != nil {
			fmt.Fprintf(os.Stderr, "take: %v; make test leaves the screenshots\n", err)
			os.Exit(1)
		}
	}
}

func take(from, to string) error {
	shot, err := imaging.Open(from)
	if err != nil {
		return err
	}
	b := shot.Bounds()
	top := imaging.Crop(shot, image.Rect(b.Min.X, b.Min.Y, b.Max.X, min(b.Max.Y, b.Min.Y+tallest)))
	return imaging.Save(imaging.Resize(top, width, 0, imaging.Lanczos), to)
}
