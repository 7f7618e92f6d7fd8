package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	gojson "github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
)

// Every member of an event's body is a flag. They are made from the body's type,
// so that a field that the contract has cannot be missing here. Texts, words,
// numbers, decimals, times and identifiers are written as they are; members with a
// structure of their own are JSON. --body reads a whole body, flags go over it.

// bodyFlags adds the flags of a body type.
func bodyFlags(c *cobra.Command, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := flagName(f)
		if c.Flags().Lookup(name) != nil {
			continue
		}
		c.Flags().String(name, "", usage(f.Type))
	}
	c.Flags().String("body", "", "read the body from this JSON `file`, - for standard input; flags go over it")
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func flagName(f reflect.StructField) string { return strings.ReplaceAll(jsonName(f), "_", "-") }

var (
	decimalType = reflect.TypeFor[decimal.Decimal]()
	uuidType    = reflect.TypeFor[event.UUID]()
	digestType  = reflect.TypeFor[event.Digest]()
	idType      = reflect.TypeFor[event.ID]()
)

func plain(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func usage(t reflect.Type) string {
	t = plain(t)
	if w, ok := reflect.Zero(t).Interface().(interface{ Words() []string }); ok {
		return "`word`: " + strings.Join(w.Words(), ", ")
	}
	switch t {
	case decimalType:
		return "`number`, digits as shown"
	case uuidType:
		return "`id`, or the label of a thing in the case"
	case digestType, idType:
		return "64 `hex` digits"
	case reflect.TypeFor[event.Stamp]():
		return "`time`, such as 2026-11-24T09:30:00+08:00"
	case reflect.TypeFor[event.Date]():
		return "`day`, YYYY-MM-DD"
	case reflect.TypeFor[event.Media]():
		return "`file`; it is taken into the store"
	}
	switch t.Kind() {
	case reflect.String:
		return "`text`"
	case reflect.Bool:
		return "`true` or false"
	case reflect.Int64:
		return "whole `number`"
	}
	return "`JSON`"
}

// finder resolves what a person writes for a thing.
type finder interface {
	thing(member, text string) (event.UUID, error)
	file(path string) (event.Media, error)
}

// readBody makes a body of the given type from --body and the flags that were set.
func readBody(c *cobra.Command, t event.Type, find finder) (event.Body, error) {
	members := map[string]json.RawMessage{}
	if from, _ := c.Flags().GetString("body"); from != "" {
		data, err := readInput(c, from)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &members); err != nil {
			return nil, fmt.Errorf("--body %s is not a JSON object: %w", from, err)
		}
	}
	rt := t.BodyType()
	for i := range rt.NumField() {
		f := rt.Field(i)
		text, _ := c.Flags().GetString(flagName(f))
		if text == "" {
			continue
		}
		raw, err := value(f, text, find)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flagName(f), err)
		}
		members[jsonName(f)] = raw
	}
	data, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	b := reflect.New(rt).Interface().(event.Body)
	if err := gojson.Unmarshal(data, b, gojson.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	return b, nil
}

func value(f reflect.StructField, text string, find finder) (json.RawMessage, error) {
	t := plain(f.Type)
	switch t {
	case decimalType:
		d, err := decimal.Parse(text)
		if err != nil {
			return nil, err
		}
		return json.Marshal(d)
	case uuidType:
		u, err := find.thing(jsonName(f), text)
		if err != nil {
			return nil, err
		}
		return json.Marshal(u)
	case reflect.TypeFor[event.Media]():
		m, err := find.file(text)
		if err != nil {
			return nil, err
		}
		return json.Marshal(m)
	case reflect.TypeFor[event.Ref]():
		if !strings.HasPrefix(text, "{") {
			return reference(text, find)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return json.Marshal(text)
	case reflect.Bool, reflect.Int64:
		if t.Kind() == reflect.Int64 {
			if _, err := strconv.ParseInt(text, 10, 64); err != nil {
				return nil, fmt.Errorf("%q is not a whole number", text)
			}
		}
	case reflect.Array:
		if t == digestType || t == idType {
			return json.Marshal(text)
		}
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%q is not JSON", text)
	}
	return json.RawMessage(text), nil
}

// reference reads KIND:LABEL.
func reference(text string, find finder) (json.RawMessage, error) {
	kind, label, ok := strings.Cut(text, ":")
	if !ok {
		return nil, fmt.Errorf("%q: write the kind and the label, such as sample:S-0001", text)
	}
	u, err := find.thing(kind, label)
	if err != nil {
		return nil, err
	}
	return json.Marshal(event.Ref{Kind: event.RefKind(kind), ID: u})
}

func readInput(c *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return readAll(c.InOrStdin())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}
