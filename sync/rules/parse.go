package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"fieldseal/schema"

	"github.com/go-json-experiment/json"
)

// MaxPack caps a pack's bytes: a pack travels inside an event's payload, and
// the largest one here is a tenth of that.
const MaxPack = 192 << 10

// DefaultID is the pack that a case is judged by where it names none.
const DefaultID = "cn-environment"

var (
	// ErrPack is wrapped by every error about a pack's content.
	ErrPack = errors.New("rule pack not usable")
)

// Parse reads a pack strictly and reports every fault of its content. Errors wrap ErrPack.
func Parse(data []byte) (*Pack, error) {
	if len(data) > MaxPack {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrPack, len(data), MaxPack)
	}
	var p Pack
	if err := json.Unmarshal(data, &p, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPack, err)
	}
	return &p, nil
}

// embedded reads the packs of package schema, once, by file name.
var embedded = sync.OnceValue(func() []*Pack {
	names, err := fs.Glob(schema.Rules, "rules/*.json")
	if err != nil {
		panic("rules: " + err.Error())
	}
	var packs []*Pack
	for _, name := range names {
		data, err := fs.ReadFile(schema.Rules, name)
		if err != nil {
			panic("rules: " + err.Error())
		}
		p, err := Parse(data)
		if err != nil {
			panic("rules: " + name + ": " + err.Error()) // the tests parse every embedded pack
		}
		packs = append(packs, p)
	}
	slices.SortFunc(packs, func(a, b *Pack) int {
		return strings.Compare(a.ID+" "+string(a.Effective)+" "+a.Version, b.ID+" "+string(b.Effective)+" "+b.Version)
	})
	return packs
})

// Embedded lists the packs that come with the program, by id and then by the
// day from which they are in force. Packs are shared: they must not be changed.
func Embedded() []*Pack { return slices.Clone(embedded()) }

// Default is the newest embedded pack named DefaultID. It must not be changed.
func Default() *Pack {
	var newest *Pack
	for _, p := range embedded() {
		if p.ID == DefaultID {
			newest = p
		}
	}
	return newest
}
