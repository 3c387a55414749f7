package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Tx is one transaction: it sees the store as it was when it began, and its own
// changes. It is valid until the function it was given to returns, and belongs
// to one goroutine.
//
// A value that cannot be read is a *CorruptError naming its key. Methods that
// return several values return the readable ones beside such errors, joined.
type Tx struct {
	txn *badger.Txn
	codec
}

// get returns the value at key, false if there is none.
func get[T any](tx *Tx, key []byte) (T, bool, error) {
	v, err := must[T](tx, key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}

// must returns the value at key; its error wraps badger.ErrKeyNotFound if there
// is none.
func must[T any](tx *Tx, key []byte) (T, error) {
	item, err := tx.txn.Get(key)
	if err != nil {
		var none T
		return none, fmt.Errorf("read %s: %w", keyName(key), err)
	}
	return read[T](tx, item)
}

// read decodes the value of item. On an error it returns the zero T.
func read[T any](tx *Tx, item *badger.Item) (T, error) {
	var v T
	err := item.Value(func(value []byte) error { return tx.decode(value, &v) })
	if err != nil {
		var none T
		return none, &CorruptError{Key: keyName(item.Key()), Err: err}
	}
	return v, nil
}

// list returns the values of all keys that begin with prefix, in key order.
func list[T any](tx *Tx, prefix []byte) ([]T, error) {
	return collect(tx.keys(prefix), func(key []byte) (T, error) { return must[T](tx, key) })
}

// collect calls each for all keys and returns what succeeded and all errors.
func collect[T any](keys [][]byte, each func(key []byte) (T, error)) ([]T, error) {
	all := make([]T, 0, len(keys))
	var errs []error
	for _, key := range keys {
		v, err := each(key)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, v)
	}
	return all, errors.Join(errs...)
}

// keys returns all keys that begin with prefix, in order.
func (tx *Tx) keys(prefix []byte) [][]byte {
	it := tx.iterate(false)
	defer it.Close()
	var keys [][]byte
	for it.Seek(prefix); it.ValidForPrefix(prefix); it.Next() {
		keys = append(keys, bytes.Clone(it.Item().Key()))
	}
	return keys
}

// iterate returns an iterator to be closed before the next one is made: Badger
// allows one at a time in a transaction that writes.
func (tx *Tx) iterate(reverse bool) *badger.Iterator {
	return tx.txn.NewIterator(badger.IteratorOptions{Reverse: reverse})
}

func (tx *Tx) has(key []byte) (bool, error) {
	_, err := tx.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", keyName(key), err)
	}
	return true, nil
}

// put encodes v and sets it at key.
func (tx *Tx) put(key []byte, v any) error {
	value, err := tx.encode(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", keyName(key), err)
	}
	return tx.set(key, value)
}

// set takes over key and value until the transaction ends.
func (tx *Tx) set(key, value []byte) error {
	if err := tx.txn.Set(key, value); err != nil {
		return fmt.Errorf("write %s: %w", keyName(key), err)
	}
	return nil
}

// drop deletes key, there or not.
func (tx *Tx) drop(key []byte) error {
	if err := tx.txn.Delete(key); err != nil {
		return fmt.Errorf("delete %s: %w", keyName(key), err)
	}
	return nil
}
