// Package state keeps what an appliance must remember over restarts: itself, its
// peers, grants, tasks, runs, the index of replicas and its invites. It owns the
// database, and nothing else knows Badger.
//
// What replicas exist is not decided here but by the pools: losing the store
// loses history and settings, never a replica.
package state

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// maxAttempts bounds how often a conflicting update is repeated. Of those that
// conflict one always succeeds, so it takes as many others to use them up.
const maxAttempts = 100

// Store is an open store. It is safe for concurrent use; the zero Store is not
// valid.
type Store struct {
	db   *badger.DB
	log  *slog.Logger
	room *room
	codec
	updates atomic.Uint64
	written chan struct{} // so much that Maintain has to look
}

// Open opens the store in dir, and makes it, with mode 0700, if it is missing;
// the directory above must exist. log gets Badger's messages.
//
// The error is a *LockedError if another process has it open, wraps ErrMode if
// the directory's mode lets others in, wraps a *SchemaError if a newer program
// wrote it, and a *FullError if the disk is too full to open it. One process at
// a time has it; no privileges are needed but those of the directory.
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := prepareDir(dir); err != nil {
		return nil, fmt.Errorf("open state %s: %w", dir, err)
	}
	space := &room{dir: dir, log: log}
	if err := space.check(); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	s, err := open(smallOptions(dir), log)
	if err != nil && isLocked(dir) {
		return nil, &LockedError{Dir: dir, PID: lockHolder(dir)}
	}
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", dir, err)
	}
	s.room = space
	return s, nil
}

// OpenMemory returns an empty store that is gone after Close and logs nothing.
// It works inside a testing/synctest bubble, where it has to be closed too.
func OpenMemory() (*Store, error) {
	s, err := open(memoryOptions(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("open state in memory: %w", err)
	}
	return s, nil
}

func open(o badger.Options, log *slog.Logger) (*Store, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	db, err := badger.Open(o.WithLogger(logger{log}))
	if err != nil {
		return nil, err
	}
	if err := upgrade(db, schema, migrations()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db: db, log: log, codec: c, written: make(chan struct{}, 1)}, nil
}

// Close waits for what is under way in the store itself and closes it. No
// transaction may be open, nor Maintain run. Closing again does nothing. On a full
// disk it fails and leaves the store as a kill would, from which it recovers.
func (s *Store) Close() error {
	if err := s.room.check(); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// Writable returns the *FullError that Update would, nil if there is room.
func (s *Store) Writable() error { return s.room.check() }

// View calls fn with a transaction that only reads, and returns its error.
func (s *Store) View(fn func(*Tx) error) error {
	if s.db.IsClosed() {
		return fmt.Errorf("view state: %w", ErrClosed)
	}
	return s.db.View(func(txn *badger.Txn) error { return fn(&Tx{txn: txn, codec: s.codec}) })
}

// Update calls fn with a transaction and commits it: when Update returns nil,
// everything fn did is on stable storage. If fn returns an error, nothing of it
// is, and Update returns that error.
//
// If another update changed what fn has read, fn is called again with a new
// transaction, so it must have no effects outside. After 100 times Update gives
// up with an error that wraps ErrConflict. On a full disk it fails with a
// *FullError before it calls fn.
func (s *Store) Update(fn func(*Tx) error) error {
	if err := s.room.check(); err != nil {
		return fmt.Errorf("update state: %w", err)
	}
	for range maxAttempts {
		if err := s.attempt(fn); !errors.Is(err, badger.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("update state: %w", ErrConflict)
}

func (s *Store) attempt(fn func(*Tx) error) error {
	if s.db.IsClosed() {
		return fmt.Errorf("update state: %w", ErrClosed)
	}
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	if err := fn(&Tx{txn: txn, codec: s.codec}); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("commit to state: %w", err)
	}
	s.noteUpdate()
	return nil
}
