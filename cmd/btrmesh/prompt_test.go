package main

import (
	"context"
	"errors"
	"os"
	"testing"

	"btrmesh/mesh/control"
)

func TestCtrlCEndsAQuestion(t *testing.T) {
	silent, person, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &session{ctx: ctx, in: silent}
	_, err = s.typed()
	if code, ok := errors.AsType[exitError](err); !ok || code != control.ExitInterrupted {
		t.Errorf("the question ends with %v", err)
	}
	if err := errors.Join(person.Close(), silent.Close()); err != nil {
		t.Error(err)
	}
}
