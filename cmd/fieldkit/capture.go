package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/mobile-contract/device/picture"
	"fieldseal/mobile-contract/device/reading"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

func sha(b []byte) [32]byte { return sha256.Sum256(b) }

func photoCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "photo FILE|DIR", Short: "Take in a picture, or every picture of a folder; the original stays as it is", Args: cobra.ExactArgs(1),
		Example: "  fieldkit photo --case 2026-HW-017 --site \"River bank\" --shows \"drum D-01 with its seal\" --seal-visible yes IMG_0001.JPG",
	}
	c.Flags().String("case", "", "`number` or id of the case")
	c.Flags().String("site", "", "`name` or id of the site")
	c.Flags().String("shows", "", "`what` the picture shows; the file's name where empty")
	c.Flags().String("seal-visible", "not_applicable", "`yes`, no or not_applicable")
	c.Flags().String("about", "", "what it is about, as `KIND:LABEL`")
	placeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return within(c, func(s *device.Store) error {
			files, err := filesOf(args[0])
			if err != nil {
				return err
			}
			for _, path := range files {
				if err := capturePhoto(c, s, path); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			return nil
		})
	}
	return c
}

// filesOf lists a file, or the files of a folder in order of their names.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var list []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
			list = append(list, p)
		}
		return err
	})
	slices.Sort(list)
	if err == nil && len(list) == 0 {
		err = errors.New("the folder has no files")
	}
	return list, err
}

func capturePhoto(c *cobra.Command, s *device.Store, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	pic, err := picture.Inspect(f, info.Size())
	if err != nil {
		return err
	}
	d, err := draftFor(c, s, event.TypePhotoCaptured)
	if err != nil {
		return err
	}
	media, err := s.AddMediaFile(c.Context(), path)
	if err != nil {
		return err
	}
	b := &event.PhotoCaptured{Media: media, Exif: exifOf(f, info.Size(), pic)}
	b.Media.Type = pic.Format.MediaType()
	shows, _ := c.Flags().GetString("shows")
	if shows == "" {
		shows = filepath.Base(path)
	}
	visible, _ := c.Flags().GetString("seal-visible")
	b.Shows, b.SealVisible = shows, event.YesNo(visible)
	if g := gpsOf(pic); g != nil {
		b.HeadingCDeg = g.DirectionCDeg
	}
	find := &things{c: c, s: s, in: d.Case}
	if site, _ := c.Flags().GetString("site"); site != "" {
		if b.Site, err = find.thing("site", site); err != nil {
			return err
		}
	}
	if about, _ := c.Flags().GetString("about"); about != "" {
		kind, label, _ := strings.Cut(about, ":")
		id, err := find.thing(kind, label)
		if err != nil {
			return err
		}
		b.About = []event.Ref{{Kind: event.RefKind(kind), ID: id}}
	}
	for _, p := range append(pic.Problems, pic.Conflicts...) {
		fmt.Fprintf(c.ErrOrStderr(), "%s: %s: %s\n", filepath.Base(path), p.Code, p.Text)
	}
	d.Body = b
	return capture(c, s, d)
}

func gpsOf(p picture.Picture) *picture.GPS {
	if p.Exif == nil {
		return nil
	}
	return p.Exif.GPS
}

func exifOf(f io.ReaderAt, size int64, p picture.Picture) *event.Exif {
	e := &event.Exif{Width: p.Width, Height: p.Height}
	if h, err := picture.Perceive(f, size, p); err == nil {
		e.PHash = h.String()
	}
	if p.Exif == nil {
		return e
	}
	e.Make, e.Model, e.Orientation = p.Exif.Make, p.Exif.Model, p.Exif.Orientation
	e.Time, e.Offset = p.Exif.Original.Text, p.Exif.Original.Offset
	if g := p.Exif.GPS; g != nil {
		if g.LatE7 != nil && g.LonE7 != nil {
			e.GPSLatE7, e.GPSLonE7 = g.LatE7, g.LonE7
		}
		if g.Time != nil {
			e.GPSTime = event.StampOf(*g.Time)
		}
		if g.ErrorMM != nil {
			e.GPSErrorMM = *g.ErrorMM
		}
		e.GPSDatum = g.Datum
	}
	return e
}

func fileCommand() *cobra.Command {
	c := &cobra.Command{Use: "file FILE", Short: "Take in any other file", Args: cobra.ExactArgs(1), Example: "  fieldkit file --case 2026-HW-017 --kind waybill --title \"waybill of 20 November\" waybill.pdf"}
	c.Flags().String("case", "", "`number` or id of the case")
	c.Flags().String("kind", "other", "one of "+strings.Join(event.FileKind("").Words(), ", "))
	c.Flags().String("title", "", "`text`")
	placeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return within(c, func(s *device.Store) error {
			d, err := draftFor(c, s, event.TypeFileAttached)
			if err != nil {
				return err
			}
			m, err := s.AddMediaFile(c.Context(), args[0])
			if err != nil {
				return err
			}
			kind, _ := c.Flags().GetString("kind")
			title, _ := c.Flags().GetString("title")
			if title == "" {
				title = filepath.Base(args[0])
			}
			d.Body = &event.FileAttached{Media: m, Kind: event.FileKind(kind), Title: title}
			return capture(c, s, d)
		})
	}
	return c
}

func airCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "air FILE|-", Short: "Seal air readings, from an instrument's file or live from standard input, segment by segment", Args: cobra.ExactArgs(1),
		Example: "  fieldkit air --case 2026-HW-017 --instrument 0000 --site \"River bank\" readings.csv\n  instrument-reader | fieldkit air --case 2026-HW-017 --instrument 0000 -",
	}
	c.Flags().String("case", "", "`number` or id of the case")
	c.Flags().String("instrument", "", "serial number or `id` of the instrument")
	c.Flags().String("site", "", "`name` or id of the site")
	c.Flags().String("format", "", "the form of the input where it cannot be recognised")
	placeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return within(c, func(s *device.Store) error { return captureAir(c, s, args[0]) })
	}
	return c
}

func captureAir(c *cobra.Command, s *device.Store, path string) (err error) {
	d, err := draftFor(c, s, event.TypeAirStarted)
	if err != nil {
		return err
	}
	find := &things{c: c, s: s, in: d.Case}
	start := &event.AirStarted{Source: "live"}
	serial, _ := c.Flags().GetString("instrument")
	if start.Instrument, err = find.thing("instrument", serial); err != nil {
		return fmt.Errorf("--instrument: %w", err)
	}
	if site, _ := c.Flags().GetString("site"); site != "" {
		if start.Site, err = find.thing("site", site); err != nil {
			return err
		}
	}
	in := c.InOrStdin()
	if path != "-" {
		m, err := s.AddMediaFile(c.Context(), path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in, start.Source, start.File = f, "file", &m
	}
	format, _ := c.Flags().GetString("format")
	r := reading.NewReader(in, reading.Options{Format: reading.Format(format)})
	series, err := r.Start()
	if err != nil {
		return err
	}
	start.Format, start.Preamble, start.PeriodMS, start.AveragingMS, start.Zone = string(series.Format), series.Preamble, series.PeriodMS, series.AveragingMS, series.Zone
	for _, ch := range series.Channels {
		start.Channels = append(start.Channels, event.Channel{Name: ch.Name, Quantity: ch.Quantity, Unit: ch.Unit})
	}
	d.Body = start
	saved, err := s.Capture(c.Context(), d)
	if err != nil {
		return err
	}
	id := saved.Body.(*event.AirStarted).Series
	return sealSegments(c, s, d, id, r, series)
}

// sealSegments seals a stretch of readings as soon as it is full.
func sealSegments(c *cobra.Command, s *device.Store, d device.Draft, id event.UUID, r *reading.Reader, series reading.Series) error {
	cut := reading.NewSegmenter(series.Channels, reading.SegmentOptions{Bytes: event.MaxSegmentRaw})
	var segments, rows int64
	keep := func(g *reading.Segment) error {
		if g == nil {
			return nil
		}
		d.Body = segmentOf(id, g)
		_, err := s.Capture(c.Context(), d)
		segments++
		rows += g.Rows
		return err
	}
	reason := "end of input"
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			reason = "the input failed: " + err.Error()
			break
		}
		if err := keep(cut.Add(row)); err != nil {
			return err
		}
	}
	if err := keep(cut.Flush()); err != nil {
		return err
	}
	d.Body = &event.AirEnded{Series: id, Segments: segments, Rows: rows, Reason: reason}
	if _, err := s.Capture(c.Context(), d); err != nil {
		return err
	}
	if wantsJSON(c) {
		return printJSON(c.OutOrStdout(), map[string]any{"series": id, "segments": segments, "rows": rows, "format": series.Format, "oddities": r.Counts()})
	}
	fmt.Fprintf(c.OutOrStdout(), "saved  series of %d rows in %d sealed segments (%s)\n", rows, segments, series.Format)
	for code, n := range r.Counts() {
		fmt.Fprintf(c.OutOrStdout(), "       %s: %d\n", code, n)
	}
	return nil
}

func segmentOf(id event.UUID, g *reading.Segment) *event.AirSegment {
	b := &event.AirSegment{Series: id, N: g.N, Raw: g.Raw, Rows: g.Rows}
	if !g.First.At.IsZero() {
		b.First, b.Last = event.StampOf(g.First.At), event.StampOf(g.Last.At)
	}
	for _, f := range g.Figures {
		b.Figures = append(b.Figures, event.Figures{Channel: int64(f.Channel), Min: f.Min, Max: f.Max, Sum: f.Sum, Count: f.Count, Missing: f.Missing, OverRange: f.OverRange})
	}
	for _, w := range g.Warnings {
		b.Warnings = append(b.Warnings, event.RowWarning{Row: w.Row, Code: string(w.Code)})
	}
	return b
}
