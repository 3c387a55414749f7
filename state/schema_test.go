package state

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// set writes raw bytes past the typed methods.
func set(t *testing.T, s *Store, key, value []byte) {
	t.Helper()
	update(t, s, func(tx *Tx) error { return tx.set(key, value) })
}

func TestStoreOfANewerProgramIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := onDisk(t, dir)
	set(t, s, schemaKey(), []byte{0, 0, 0, 2})
	closed(t, s)
	for range 2 { // the refusal must leave no lock behind
		_, err := Open(dir, slog.New(slog.DiscardHandler))
		var e *SchemaError
		if !errors.As(err, &e) || e.Found != 2 || e.Known != 1 {
			t.Errorf("got %v", err)
		}
	}
}

func TestStoreWithoutItsSchemaNumberIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := onDisk(t, dir)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutTask(Task{Name: "a"}), tx.drop(schemaKey()))
	})
	closed(t, s)
	_, err := Open(dir, slog.New(slog.DiscardHandler))
	var e *SchemaError
	if !errors.As(err, &e) || e.Found != 0 {
		t.Errorf("got %v", err)
	}
}

func TestCorruptSchemaNumberIsNamed(t *testing.T) {
	for _, value := range [][]byte{nil, {1}, {0, 0, 0, 0}, {0, 0, 0, 0, 1}} {
		s := memory(t)
		set(t, s, schemaKey(), value)
		err := upgrade(s.db, schema, nil)
		if _, ok := errors.AsType[*CorruptError](err); !ok {
			t.Errorf("%x: got %v", value, err)
		}
	}
}

// appending returns a migration that leaves a trace.
func appending(letter byte) migration {
	return func(txn *badger.Txn) error {
		var trace []byte
		item, err := txn.Get([]byte{0xf0})
		if err == nil {
			trace, err = item.ValueCopy(nil)
		}
		if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
			return err
		}
		return txn.Set([]byte{0xf0}, append(trace, letter))
	}
}

func trace(t *testing.T, s *Store) (schema uint32, text string) {
	t.Helper()
	schema, err := storedSchema(s.db)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte{0xf0})
		if err != nil {
			return nil //nolint:nilerr // no trace yet
		}
		value, err := item.ValueCopy(nil)
		text = string(value)
		return err
	})
	return schema, text
}

func TestOldStoreIsMigratedStepByStepAndOnce(t *testing.T) {
	s := memory(t)
	steps := map[uint32]migration{1: appending('a'), 2: appending('b'), 3: appending('c')}
	for range 2 {
		if err := upgrade(s.db, 4, steps); err != nil {
			t.Fatal(err)
		}
	}
	if n, text := trace(t, s); n != 4 || text != "abc" {
		t.Errorf("schema %d, steps %q", n, text)
	}
}

func TestFailedMigrationChangesNothingOfItsStep(t *testing.T) {
	s := memory(t)
	broken := errors.New("broken")
	steps := map[uint32]migration{1: appending('a'), 2: func(txn *badger.Txn) error {
		return errors.Join(appending('b')(txn), broken)
	}}
	if err := upgrade(s.db, 3, steps); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if n, text := trace(t, s); n != 2 || text != "a" {
		t.Errorf("schema %d, steps %q", n, text)
	}
}

func TestMissingMigrationIsAnError(t *testing.T) {
	s := memory(t)
	if err := upgrade(s.db, 2, nil); err == nil {
		t.Error("upgraded without a migration")
	}
}

func TestNewStoreHasTheCurrentSchema(t *testing.T) {
	s := memory(t)
	_ = s.View(func(tx *Tx) error {
		item, err := tx.txn.Get(schemaKey())
		if err != nil {
			t.Fatal(err)
		}
		return item.Value(func(value []byte) error {
			if binary.BigEndian.Uint32(value) != schema {
				t.Errorf("schema key holds %x", value)
			}
			return nil
		})
	})
}
