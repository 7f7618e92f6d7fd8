package fieldcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"

	"fieldseal/mobile-contract/device"
	"fieldseal/mobile-contract/device/picture"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// maxPhotos bounds the photos of one command: they are sealed in one step, so that
// a folder is never half captured.
const maxPhotos = 500

func (a *app) photoCommand() *cobra.Command {
	b := new(event.PhotoCaptured)
	place := &placeFlags{}
	cmd := &cobra.Command{
		Use: "photo FILE|DIR…", Short: "Capture photos: the originals untouched, what their EXIF says beside them",
		Long: `Capture photos, or all photos of a directory. The original bytes are kept as they are;
what the file says of itself (camera, times, position) is recorded, never trusted.
Several photos are sealed all or none. --seal-visible must be answered.`,
		Example: `  fieldkit capture photo IMG_0042.JPG --shows "drum 3 with label" --seal-visible no --site Yard --about object:"drum 3"
  fieldkit capture photo /media/card/DCIM/100CANON --shows "walk round the yard" --seal-visible no`,
		Args: cobra.MinimumNArgs(1),
	}
	f := &fields{flags: cmd.Flags()}
	place.register(f)
	text(f, "shows", "what the photo shows (the name of its file)", &b.Shows)
	word(f, "seal-visible", "whether a custody seal is to be seen in it", &b.SealVisible)
	thing(f, "site", "site", "the scene", &b.Site)
	refs(f, "about", "a thing that it shows", &b.About)
	person(f, "photographer", "who took it (the actor)", &b.Photographer)
	f.add("heading", "DEGREES", "where the camera looked, from true north", false, func(_ *run, raw string) error {
		var c int64
		err := parseScaled(raw, 2, &c)
		b.HeadingCDeg = &c
		return err
	})
	f.add("derivative-of", "SHA256", "digest of the original that this is a copy, crop or enhancement of", false, func(_ *run, raw string) (err error) {
		b.DerivativeOf, err = event.ParseDigest(raw)
		return err
	})
	text(f, "derivation", "what was done to the original", &b.Derivation)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), true)
		if err != nil {
			return err
		}
		if err := f.apply(r); err != nil {
			return err
		}
		if r.here, err = place.place(); err != nil {
			return err
		}
		paths, err := photoPaths(args)
		if err != nil {
			return err
		}
		return r.photos(paths, *b)
	}
	return cmd
}

// photoPaths lists the files named, and the pictures within the directories named.
func photoPaths(args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			paths = append(paths, arg)
			continue
		}
		n := len(paths)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && isPicture(path) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(paths) == n {
			return nil, fmt.Errorf("there is no picture in %s", arg)
		}
		sort.Strings(paths[n:])
	}
	if len(paths) > maxPhotos {
		return nil, fmt.Errorf("%d photos at once, at most %d are taken together: name a part of them", len(paths), maxPhotos)
	}
	return paths, nil
}

// isPicture looks at the first bytes of a file.
func isPicture(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true // named as a fault when it is captured
	}
	defer f.Close() // read only
	head := make([]byte, 32)
	n, _ := f.Read(head)
	return picture.Sniff(head[:n]) != picture.Unknown
}

// photos keeps and seals pictures, all or none.
func (r *run) photos(paths []string, common event.PhotoCaptured) error {
	var drafts []device.Draft
	var remarks []string
	for _, path := range paths {
		b := common
		var err error
		if b.Media, err = r.s.AddMediaFile(r.ctx, path); err != nil {
			return err
		}
		pic, hash, err := r.inspect(b.Media.SHA256)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if mt := pic.Format.MediaType(); mt != "" {
			b.Media.Type = mt
		}
		b.Exif = exifOf(pic, hash)
		for _, p := range append(pic.Problems, pic.Conflicts...) {
			remarks = append(remarks, fmt.Sprintf("%s: %s: %s", filepath.Base(path), p.Code, p.Text))
		}
		if b.Shows == "" {
			b.Shows = filepath.Base(path)
		}
		d, err := r.draft(&b)
		if err != nil {
			return err
		}
		drafts = append(drafts, d)
	}
	saved, err := r.s.CaptureAll(r.ctx, drafts...)
	if err != nil {
		return err
	}
	for _, text := range remarks {
		fmt.Fprintln(r.Err, "note:", text)
	}
	return r.saved(saved...)
}

// inspect reads what a kept picture says of itself, and its perceptual hash where
// it can be decoded.
func (r *run) inspect(d event.Digest) (picture.Picture, string, error) {
	f, m, err := r.s.OpenMedia(r.ctx, d)
	if err != nil {
		return picture.Picture{}, "", err
	}
	defer f.Close() // read only
	pic, err := picture.Inspect(f, m.Size)
	if errors.Is(err, picture.ErrFormat) {
		return pic, "", fmt.Errorf("%w: use fieldkit capture file for what is not a photo", err)
	}
	if err != nil {
		return pic, "", err
	}
	h, err := picture.Perceive(f, m.Size, pic)
	if errors.Is(err, picture.ErrNoDecoder) || errors.Is(err, picture.ErrTooLarge) || errors.Is(err, picture.ErrDecode) {
		return pic, "", nil // the picture stands without a hash
	}
	return pic, h.String(), err
}

// exifOf puts what a picture says of itself into the form of an event.
func exifOf(pic picture.Picture, hash string) *event.Exif {
	out := &event.Exif{Width: pic.Width, Height: pic.Height, PHash: hash}
	e := pic.Exif
	if e == nil {
		return out
	}
	out.Make, out.Model, out.Orientation = e.Make, e.Model, e.Orientation
	out.Time, out.Offset = e.Original.Text, e.Original.Offset
	if e.Original.SubSec != "" {
		out.Time += "." + e.Original.SubSec
	}
	g := e.GPS
	if g == nil {
		return out
	}
	if g.LatE7 != nil && g.LonE7 != nil {
		out.GPSLatE7, out.GPSLonE7 = g.LatE7, g.LonE7
	}
	if g.Time != nil {
		out.GPSTime = event.Stamp(g.Time.UTC().Format(time.RFC3339Nano))
	}
	if g.ErrorMM != nil {
		out.GPSErrorMM = *g.ErrorMM
	}
	out.GPSDatum = g.Datum
	return out
}

func (a *app) fileCommand() *cobra.Command {
	return captureOne(a, spec[event.FileAttached]{
		use: "file FILE", short: "Attach any other file: video, interview, waybill, seizure list …", args: cobra.ExactArgs(1),
		example: "  fieldkit capture file interview.m4a --kind audio --title \"Interview of the driver\" --about object:\"blue tanker\"",
		take: func(r *run, b *event.FileAttached, args []string) (err error) {
			b.Media, err = r.s.AddMediaFile(r.ctx, args[0])
			return err
		},
		fields: func(b *event.FileAttached, f *fields) {
			word(f, "kind", "what it is", &b.Kind)
			text(f, "title", "what it is called", &b.Title)
			refs(f, "about", "a thing that it is about", &b.About)
			f.add("derivative-of", "SHA256", "digest of the original that this was made from", false, func(_ *run, raw string) (err error) {
				b.DerivativeOf, err = event.ParseDigest(raw)
				return err
			})
			text(f, "derivation", "what was done to the original", &b.Derivation)
		},
	})
}
