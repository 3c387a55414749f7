package control

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Schema is the number of the JSON shapes.
const Schema = 1

// kindError is the kind of an object that holds an Error.
const kindError = "error"

// Head is what every object of the API begins with.
type Head struct {
	Schema    int       `json:"schema"`
	Kind      string    `json:"kind"`
	Appliance string    `json:"appliance,omitempty"` // who answers
	Time      time.Time `json:"time"`                // when, UTC; ages are relative to it
	DryRun    bool      `json:"dry_run,omitempty"`
	Silent    []Silence `json:"silent,omitempty"` // who did not answer, in an answer about several
}

// NewHead returns the head of an answer given at now, which is cut to seconds.
func NewHead(kind, appliance string, now time.Time) Head {
	return Head{Schema: Schema, Kind: kind, Appliance: appliance, Time: now.UTC().Truncate(time.Second)}
}

// Encode returns one line of JSON: head with v as item, or, for a slice, as
// items.
func Encode(h Head, v any) ([]byte, error) {
	object := struct {
		Head
		Item  any `json:"item,omitempty"`
		Items any `json:"items,omitempty"`
	}{Head: h}
	if isList(v) {
		object.Items = neverNull(v)
	} else {
		object.Item = v
	}
	line, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", h.Kind, err)
	}
	return append(line, '\n'), nil
}

// neverNull turns a nil slice into an empty one: a list without items is [].
func neverNull(list any) any {
	if v := reflect.ValueOf(list); v.IsNil() {
		return []struct{}{}
	}
	return list
}

// Answer is a decoded object: its head, its item or items as Value, and the
// line as it came, with fields this version may not know.
type Answer[T any] struct {
	Head
	Value T
	Raw   []byte
}

// parse decodes one object, which may be an error of the API.
func parse[T any](raw []byte) (Answer[T], error) {
	a := Answer[T]{Raw: raw}
	var object struct {
		Head
		Item  json.RawMessage `json:"item"`
		Items json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return a, fmt.Errorf("parse answer: %w", err)
	}
	if object.Kind == kindError {
		return a, parseError(raw)
	}
	if object.Schema != Schema {
		return a, fmt.Errorf("parse answer: schema is %d, want %d", object.Schema, Schema)
	}
	a.Head = object.Head
	value := object.Item
	if isList(a.Value) {
		value = object.Items
	}
	if len(value) == 0 {
		return a, fmt.Errorf("parse answer: %s without content", object.Kind)
	}
	if err := json.Unmarshal(value, &a.Value); err != nil {
		return a, fmt.Errorf("parse answer: %s: %w", object.Kind, err)
	}
	return a, nil
}

// parseError decodes an object of kind error into an *Error.
func parseError(raw []byte) error {
	e := new(Error)
	if err := json.Unmarshal(raw, e); err != nil {
		return fmt.Errorf("parse error: %w", err)
	}
	if e.Exit <= 0 || e.Exit > 255 {
		e.Exit = ExitFailure
	}
	return e
}
