package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// schema is the number of the layout described in keys.go and value.go. It
// grows when a program that knows only the old one would misread the new one;
// new fields and new kinds do not make it grow.
const schema = 1

// migration turns the layout of one schema into that of the next. It runs in one
// transaction with the new number, so it happens wholly or not at all.
type migration func(*badger.Txn) error

// migrations holds, under n, the way from schema n to n+1. Schema 1 is the first.
func migrations() map[uint32]migration { return nil }

// upgrade brings the store to the schema known, writing the number into an
// empty one. It fails with a *SchemaError if the store is of a newer schema, or
// holds something but no number.
func upgrade(db *badger.DB, known uint32, steps map[uint32]migration) error {
	for {
		found, err := storedSchema(db)
		if err != nil {
			return err
		}
		if found == known {
			return nil
		}
		if found > known {
			return &SchemaError{Found: found, Known: known}
		}
		if err := step(db, found, known, steps); err != nil {
			return err
		}
	}
}

// step goes one schema up from found; from 0, an empty store, directly to known.
func step(db *badger.DB, found, known uint32, steps map[uint32]migration) error {
	next, migrate := found+1, steps[found]
	if found == 0 {
		next, migrate = known, mustBeEmpty(known)
	}
	if migrate == nil {
		return fmt.Errorf("migrate from schema %d to %d: this program does not know how", found, next)
	}
	return db.Update(func(txn *badger.Txn) error {
		if err := migrate(txn); err != nil {
			return fmt.Errorf("migrate from schema %d to %d: %w", found, next, err)
		}
		return txn.Set(schemaKey(), binary.BigEndian.AppendUint32(nil, next))
	})
}

// storedSchema returns the number in the store, 0 if there is none.
func storedSchema(db *badger.DB) (uint32, error) {
	var found uint32
	err := db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(schemaKey())
		if err != nil {
			return err
		}
		return item.Value(func(value []byte) error {
			if len(value) != 4 || binary.BigEndian.Uint32(value) == 0 {
				return &CorruptError{Key: keyName(schemaKey()), Err: fmt.Errorf("%x is no schema number", value)}
			}
			found = binary.BigEndian.Uint32(value)
			return nil
		})
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	return found, err
}

// mustBeEmpty is the migration of a new store: only one without any key is new.
func mustBeEmpty(known uint32) migration {
	return func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		if it.Rewind(); it.Valid() {
			return &SchemaError{Known: known}
		}
		return nil
	}
}
