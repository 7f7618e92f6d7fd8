package fieldcli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// run is a command at work: the store is open.
type run struct {
	*app
	ctx    context.Context
	s      *device.Store
	caseID event.UUID
	// here is where the command was said to happen, nil where that was not said.
	here *event.Place
}

// field is a flag that fills a member of a body. It is applied after the store is
// open and after --from was read, so that a flag outranks the file and may name
// things of the store.
type field struct {
	name, typ string
	many      bool
	raw       []string
	set       func(r *run, raw string) error
}

// String, Set and Type implement pflag.Value.
func (f *field) String() string { return strings.Join(f.raw, ", ") }

// Set keeps the text for later.
func (f *field) Set(raw string) error {
	if f.many {
		f.raw = append(f.raw, raw)
	} else {
		f.raw = []string{raw}
	}
	return nil
}

// Type names the value in the help.
func (f *field) Type() string { return f.typ }

// fields are the flags of a command that fill a body.
type fields struct {
	flags *pflag.FlagSet
	list  []*field
}

// add registers a flag. typ is how its value is called in the help.
func (f *fields) add(name, typ, usage string, many bool, set func(r *run, raw string) error) {
	v := &field{name: name, typ: typ, many: many, set: set}
	f.list = append(f.list, v)
	f.flags.Var(v, name, usage)
}

// apply sets what was given, in the order of the flags' definition; all faults are joined.
func (f *fields) apply(r *run) error {
	var errs []error
	for _, v := range f.list {
		for _, raw := range v.raw {
			if err := v.set(r, raw); err != nil {
				errs = append(errs, fmt.Errorf("--%s %q: %w", v.name, oneLine(raw, 60), err))
			}
		}
	}
	return errors.Join(errs...)
}

// splitList splits "a, b, c" as one CSV record, so that a comma can be quoted.
func splitList(raw string) ([]string, error) {
	rec, err := csv.NewReader(strings.NewReader(raw)).Read()
	if err != nil {
		return nil, fmt.Errorf("not a list separated by commas: %w", err)
	}
	for i := range rec {
		rec[i] = strings.TrimSpace(rec[i])
	}
	return rec, nil
}

// readFrom reads a whole body from a JSON file ("-" for standard input), strictly.
func (a *app) readFrom(path string, body any) error {
	data, err := a.readAll(path, event.MaxPayload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, body, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%s: not the body of this record: %w", path, err)
	}
	return nil
}

// readAll reads a file or standard input whole, up to a limit.
func (a *app) readAll(path string, most int64) ([]byte, error) {
	in := a.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close() // read only
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, err
}

// spec describes a command that captures one event.
type spec[B any] struct {
	use, short, long, example string
	// args says how many arguments it takes; take puts them into the body. What an
	// argument says can also be given by the flag of the same member.
	args cobra.PositionalArgs
	take func(r *run, b *B, args []string) error
	// fields are its flags.
	fields func(b *B, f *fields)
	// after completes the body once flags were applied.
	after func(r *run, b *B) error
	// noCase: the event opens its own case, or needs none.
	noCase bool
}

// captureOne makes the command of a spec.
func captureOne[B any, P interface {
	*B
	event.Body
}](a *app, s spec[B]) *cobra.Command {
	b := new(B)
	var from string
	place := &placeFlags{}
	cmd := &cobra.Command{Use: s.use, Short: s.short, Long: s.long, Example: s.example, Args: s.args}
	if cmd.Args == nil {
		cmd.Args = cobra.NoArgs
	}
	f := &fields{flags: cmd.Flags()}
	cmd.Flags().StringVar(&from, "body", "", "read the whole body from a JSON `file` first (- for standard input); flags outrank it")
	place.register(f)
	if s.fields != nil {
		s.fields(b, f)
	}
	members(b, f)
	if cmd.Flags().Lookup("from") == nil {
		cmd.Flags().StringVar(&from, "from", "", "the same as --body: a JSON `file`")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), !s.noCase)
		if err != nil {
			return err
		}
		if from != "" {
			if err := a.readFrom(from, b); err != nil {
				return err
			}
		}
		if s.take != nil && len(args) > 0 {
			if err := s.take(r, b, args); err != nil {
				return err
			}
		}
		if err := f.apply(r); err != nil {
			return err
		}
		if r.here, err = place.place(); err != nil {
			return err
		}
		if s.after != nil {
			if err := s.after(r, b); err != nil {
				return err
			}
		}
		saved, err := r.capture(P(b))
		if err != nil {
			return err
		}
		return a.saved(saved)
	}
	return cmd
}

// begin opens the store and finds the case.
func (a *app) begin(ctx context.Context, needCase bool) (*run, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{app: a, ctx: ctx, s: s}
	if needCase {
		r.caseID, err = r.findCase(a.caseName)
	}
	return r, err
}

// draft makes the draft of a body by the acting person at the place given.
func (r *run) draft(b event.Body) (device.Draft, error) {
	actor, err := r.actorID()
	return device.Draft{Case: r.caseID, Body: b, Place: r.here, Actor: actor}, err
}

// actorID is who acts, zero for the person of the device.
func (r *run) actorID() (event.UUID, error) {
	if r.actor == "" {
		return event.UUID{}, nil
	}
	id, err := r.findPerson(r.actor)
	if err != nil {
		err = fmt.Errorf("--actor: %w", err)
	}
	return id, err
}

func (r *run) capture(b event.Body) (device.Saved, error) {
	d, err := r.draft(b)
	if err != nil {
		return device.Saved{}, err
	}
	return r.s.Capture(r.ctx, d)
}

// placeFlags are the flags that say where an event is made.
type placeFlags struct{ p *event.Place }

func (p *placeFlags) get() *event.Place {
	if p.p == nil {
		p.p = &event.Place{Source: "manual"}
	}
	return p.p
}

func (p *placeFlags) register(f *fields) {
	f.add("fix", "LAT,LON,DATUM[,METRES]", "where this is captured, in degrees, with the coordinate system ("+wordList[event.Datum]()+") and the accuracy radius (68 %)", false,
		func(_ *run, raw string) error { return parseFix(raw, p.get()) })
	f.add("fix-altitude", "METRES", "altitude above the ellipsoid", false, func(_ *run, raw string) error {
		var mm int64
		err := parseScaled(raw, 3, &mm)
		p.get().AltMM = &mm
		return err
	})
	f.add("fix-source", "WORD", "how the fix was made: "+wordList[event.FixSource]()+" (manual)", false, func(_ *run, raw string) error {
		return parseWord(raw, &p.get().Source)
	})
	f.add("fix-time", "TIME", "when the fix was made", false, func(_ *run, raw string) error {
		return parseStamp(raw, &p.get().FixTime)
	})
	f.add("fix-mock", "true|false", "the platform reported a mock location provider", false, func(_ *run, raw string) (err error) {
		p.get().Mock, err = strconv.ParseBool(raw)
		return err
	})
}

// place is the position given, nil where there is none.
func (p *placeFlags) place() (*event.Place, error) {
	if p.p != nil && p.p.Datum == "" {
		return nil, errors.New("--fix is missing: the other flags of a fix say more about one")
	}
	return p.p, nil
}

// parseFix reads "LAT,LON,DATUM[,METRES]".
func parseFix(raw string, to *event.Place) error {
	part := strings.Split(raw, ",")
	if len(part) < 3 || len(part) > 4 {
		return errors.New("not LAT,LON,DATUM[,METRES], such as 31.1234567,121.4737021,WGS-84,5")
	}
	if err := parsePair(part[0]+","+part[1], &to.LatE7, &to.LonE7); err != nil {
		return err
	}
	if err := parseWord(strings.TrimSpace(part[2]), &to.Datum); err != nil {
		return fmt.Errorf("the coordinate system %w", err)
	}
	if len(part) == 4 {
		return parseScaled(part[3], 3, &to.AccuracyMM)
	}
	return nil
}
