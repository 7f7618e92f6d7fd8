package event

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// AskedAct is an act that only the authority's key can seal and that a person may ask for.
type AskedAct string

// Words lists the acts, each by the type of the event that the authority would seal.
func (AskedAct) Words() []string {
	return []string{"org.registered", "person.registered", "device.revoked", "case.granted", "grant.revoked", "label.block"}
}

// AuthorityRequested asks for an act of the authority. The person who decides it
// seals the request with a key of their own; the authority's event then names it,
// so that the authority's server has acted in nobody's name. The event has a case
// where the act asked for has one.
//
// A request obliges nobody: the authority checks that the person may ask for it,
// and that it contradicts nothing, when it acts.
type AuthorityRequested struct {
	Act AskedAct `json:"act"`
	// Body is the exact JSON text of the body that the authority is to seal. It names no
	// request: the authority adds which one it answers.
	Body string `json:"body"`
	// Reason is why, for those who look at it later.
	Reason string `json:"reason"`
}

// Check reports every fault, those of the body asked for among them.
func (b *AuthorityRequested) Check(c *Checker) {
	word(c, b.Act, "act")
	c.text(b.Body, "body")
	c.text(b.Reason, "reason")
	if !slices.Contains(b.Act.Words(), string(b.Act)) || strings.TrimSpace(b.Body) == "" {
		return
	}
	asked, err := b.Asked()
	switch {
	case err != nil:
		c.fault("body: %w", err)
	case !RequestOf(asked).IsZero():
		c.fault("body: request is the authority's to state")
	}
}

// Asked reads the body that is asked for.
func (b *AuthorityRequested) Asked() (Body, error) {
	if text := jsontext.Value(b.Body); text.Kind() != '{' {
		return nil, fmt.Errorf("%w: %s: the body asked for is not a JSON object", ErrMalformed, b.Act)
	}
	return ParseBody(Type(b.Act), []byte(b.Body))
}

// RequestOf is the request that an event of the authority answers; zero where it answers none.
func RequestOf(b Body) ID {
	if r := requestIn(b); r != nil {
		return *r
	}
	return ID{}
}

// Answer states in a body that it answers a request. It reports whether bodies
// of this type can be asked for.
func Answer(b Body, request ID) bool {
	r := requestIn(b)
	if r != nil {
		*r = request
	}
	return r != nil
}

func requestIn(b Body) *ID {
	switch b := b.(type) {
	case *OrgRegistered:
		return &b.Request
	case *PersonRegistered:
		return &b.Request
	case *DeviceRevoked:
		return &b.Request
	case *CaseGranted:
		return &b.Request
	case *GrantRevoked:
		return &b.Request
	case *LabelBlock:
		return &b.Request
	}
	return nil
}
