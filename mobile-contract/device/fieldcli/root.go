package fieldcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitFine  = 0
	exitNo    = 1
	exitFault = 2
)

// Environment variables.
const (
	envStore = "FIELDKIT_STORE"
	envCase  = "FIELDKIT_CASE"
	envLang  = "FIELDKIT_LANG"
)

// errNo ends a command with status 1: it ran, and the answer is no. What there is
// to say has been printed.
var errNo = errors.New("no")

// Streams are what the command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Env gives environment variables.
	Env func(string) string
	// Terminal says that Err is one, where progress may be drawn.
	Terminal bool
}

// app is one run of the command.
type app struct {
	Streams
	version  string
	storeDir string
	json     bool
	lang     string
	caseName string
	actor    string

	store *device.Store
}

// Run runs fieldkit with the given arguments and returns its exit status.
func Run(ctx context.Context, version string, args []string, s Streams) int {
	a := &app{Streams: s, version: version}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errNo):
		return exitNo
	}
	a.complain(err)
	var fault *device.ServerFault
	if errors.As(err, &fault) {
		return exitNo
	}
	return exitFault
}

// complain says what went wrong and, where that is known, what to do next.
func (a *app) complain(err error) {
	var told *toldError
	if errors.As(err, &told) {
		return
	}
	if a.json {
		_ = a.print(struct {
			Error string `json:"error"`
		}{err.Error()})
		return
	}
	fmt.Fprintln(a.Err, "fieldkit:", err)
	if h := hint(err); h != "" {
		fmt.Fprintln(a.Err, "  →", h)
	}
}

// hint is the next step after an error.
func hint(err error) string {
	switch {
	case errors.Is(err, device.ErrNoStore):
		return "make one with: fieldkit --store DIR init, or name the right one with --store or $" + envStore
	case errors.Is(err, device.ErrNotEnrolled):
		return "fieldkit --store DIR enrol --server URL --code CODE"
	case errors.Is(err, device.ErrNoLabels):
		return "fieldkit sync, or give the number of a printed label with --label"
	case errors.Is(err, device.ErrOffline):
		return "everything captured is safe here; run fieldkit sync again when there is a network"
	case errors.Is(err, device.ErrSyncing):
		return "wait for the other sync, or look at it with: fieldkit status"
	}
	return ""
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "fieldkit",
		Short:         "Capture, seal and hand in evidence from a laptop, with or without a network",
		Version:       a.version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Example: `  fieldkit --store ~/evidence enrol --server https://ledger.example --code 7F3K-92QM
  export FIELDKIT_STORE=~/evidence
  fieldkit case open --number 2026-017 --title "Drums by the canal" --authority "City Environment Bureau"
  fieldkit capture sample --matrix water --point "outfall 2" --seal-no S-1001
  fieldkit sync`,
	}
	p := root.PersistentFlags()
	p.StringVar(&a.storeDir, "store", a.defaultStore(), "the store's `directory` ($"+envStore+")")
	p.BoolVar(&a.json, "json", false, "print one JSON document")
	p.StringVar(&a.lang, "lang", a.language(), "language of status texts: en or zh ($"+envLang+")")
	p.StringVar(&a.caseName, "case", a.Env(envCase), "the case, by `number` or id ($"+envCase+")")
	p.StringVar(&a.actor, "actor", "", "who acts, by `name` or id, where it is not the person of the device")
	root.AddCommand(a.initCommand(), a.enrolCommand(), a.statusCommand(), a.syncCommand(), a.successorCommand(),
		a.caseCommand(), a.siteCommand(), a.partyCommand(), a.objectCommand(), a.linkCommand(),
		a.captureCommand(), a.instrumentCommand(), a.quantityCommand(),
		a.noteCommand(), a.amendCommand(), a.voidCommand(), a.sealCommand(),
		a.handoverCommand(), a.labCommand(), a.storageCommand(), a.holdCommand(), a.disposeCommand(),
		a.dossierCommand(), a.waiverCommand(), a.listCommand(), a.showCommand(), a.exportCommand(), a.anomalyCommand(),
		short(a.photoCommand()), short(a.fileCommand()), short(a.airCommand()), short(a.signCommand()))
	results := a.resultsEnterCommand()
	results.Use = "results"
	root.AddCommand(short(results))
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

func (a *app) language() string {
	for _, name := range []string{envLang, "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := a.Env(name); v != "" {
			return string(device.ParseLang(v))
		}
	}
	return string(device.English)
}

func (a *app) defaultStore() string {
	if dir := a.Env(envStore); dir != "" {
		return dir
	}
	return "fieldkit-store"
}

func (a *app) options() device.Options {
	model, err := os.Hostname()
	if err != nil {
		model = "laptop"
	}
	return device.Options{Model: model, App: "fieldkit/" + a.version}
}

// open opens the store once.
func (a *app) open(ctx context.Context) (*device.Store, error) {
	if a.store != nil {
		return a.store, nil
	}
	s, err := device.Open(ctx, a.storeDir, a.options())
	if err != nil {
		return nil, err
	}
	a.store = s
	return s, nil
}

// print writes v as one JSON document.
func (a *app) print(v any) error {
	err := json.MarshalWrite(a.Out, v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err == nil {
		_, err = io.WriteString(a.Out, "\n")
	}
	return err
}

// say writes a line for people; with --json it is silent.
func (a *app) say(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.Out, format+"\n", args...)
	}
}

// pick gives the text in the language asked for.
func (a *app) pick(en, zh string) string {
	if device.ParseLang(a.lang) == device.Chinese {
		return zh
	}
	return en
}

// savedView is a captured event as --json prints it.
type savedView struct {
	ID   string     `json:"id"`
	UUID string     `json:"uuid,omitzero"`
	Seq  int64      `json:"seq"`
	Type event.Type `json:"type"`
	Case string     `json:"case,omitzero"`
	Body event.Body `json:"body,omitzero"`
}

func viewSaved(s device.Saved) savedView {
	v := savedView{ID: s.ID.String(), Seq: s.Seq, Type: s.Type, Body: s.Body}
	if !s.UUID.IsZero() {
		v.UUID = s.UUID.String()
	}
	if !s.Case.IsZero() {
		v.Case = s.Case.String()
	}
	return v
}

// saved tells of captured events.
func (a *app) saved(list ...device.Saved) error {
	if a.json {
		if len(list) == 1 {
			return a.print(viewSaved(list[0]))
		}
		views := make([]savedView, len(list))
		for i, s := range list {
			views[i] = viewSaved(s)
		}
		return a.print(views)
	}
	for _, s := range list {
		a.say(a.pick("saved: record %d, %s%s, event %s", "已保存：第 %d 条记录，%s%s，事件 %s"), s.Seq, s.Type, thingText(s.Body), s.ID)
	}
	return nil
}

// thingText names what an event made, by label and id.
func thingText(b event.Body) string {
	kind, label, id := made(b)
	if id.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%s %q, %s)", kind, label, id)
}

func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
