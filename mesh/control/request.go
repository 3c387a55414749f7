package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// Bounds of a request.
const (
	maxBody  = 1 << 20
	maxValue = 4096 // bytes of one path or query value
)

// decode fills req, a pointer to a struct, from hr: tagged fields from the
// path or the query, and for a POST the rest from the body. What it does not
// know is a usage error.
func decode(req any, hr *http.Request) error {
	if hr.Method == http.MethodPost {
		if err := decodeBody(req, hr.Body); err != nil {
			return err
		}
	}
	query := hr.URL.Query()
	if err := checkQuery(reflect.TypeOf(req).Elem(), query); err != nil {
		return err
	}
	return eachField(reflect.ValueOf(req).Elem(), func(tag, name string, field reflect.Value) error {
		if tag == "path" {
			return setField(field, name, hr.PathValue(name))
		}
		if query.Has(name) {
			return setField(field, name, query.Get(name))
		}
		return nil
	})
}

// decodeBody reads a body of exactly one JSON object, or none, into req.
func decodeBody(req any, body io.Reader) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	switch err := d.Decode(req); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return Usage("cannot read the request: %v.", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Usage("cannot read the request: something follows the object.")
	}
	return nil
}

// checkQuery refuses a query parameter that no field of t takes.
func checkQuery(t reflect.Type, query url.Values) error {
	known := map[string]bool{}
	for field := range t.Fields() {
		known[field.Tag.Get("query")] = true
	}
	for name := range query {
		if name == "" || !known[name] {
			return Usage("the request has no parameter %q.", name)
		}
	}
	return nil
}

// eachField calls fn for each field with a path or query tag.
func eachField(v reflect.Value, fn func(tag, name string, field reflect.Value) error) error {
	for field, value := range v.Fields() {
		for _, tag := range []string{"path", "query"} {
			name := field.Tag.Get(tag)
			if name == "" {
				continue
			}
			if err := fn(tag, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// setField parses text into a field of type string, bool, int64 or uint64.
func setField(field reflect.Value, name, text string) error {
	if len(text) > maxValue {
		return Usage("%s is longer than %d bytes.", name, maxValue)
	}
	var err error
	switch to := field.Addr().Interface().(type) {
	case *string:
		*to = text
	case *bool:
		*to, err = strconv.ParseBool(text)
	case *int64:
		*to, err = strconv.ParseInt(text, 10, 64)
	case *uint64:
		*to, err = strconv.ParseUint(text, 10, 64)
	default:
		panic("control: field " + name + " has type " + field.Type().String())
	}
	if err != nil {
		return Usage("%s cannot be %q.", name, text)
	}
	return nil
}

// target returns the path and query that carry req's tagged fields; fields of
// zero value are left out of the query. A path value that would change the
// shape of the path is a usage error.
func target(pattern string, req any) (string, error) {
	query, path := url.Values{}, pattern
	err := eachField(reflect.ValueOf(req), func(tag, name string, field reflect.Value) error {
		text := fmt.Sprint(field.Interface())
		switch {
		case tag == "query":
			if !field.IsZero() {
				query.Set(name, text)
			}
		case text == "" || text == "." || text == "..":
			return Usage("%q is no name of %s.", text, article(name))
		default:
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(text))
		}
		return nil
	})
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, err
}
