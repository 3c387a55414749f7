package control_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// closeAll closes what a test opened.
func closeAll(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestSocketIsForOwnerAndGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "s.sock")
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, l)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("socket has %v, %v", info.Mode(), err)
	}
}

func TestStaleSocketIsReplacedAndAServedOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	closeAll(t, stale)
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, l)
	if _, err := control.Listen(t.Context(), path); !errors.Is(err, control.ErrSocketInUse) {
		t.Errorf("second listen: %v", err)
	}
}

func TestFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(t.Context(), path); err == nil {
		t.Error("a file was replaced by a socket")
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "mine" {
		t.Errorf("file has %q, %v", content, err)
	}
}

func TestKernelNamesTheClient(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	peers := make(chan control.Peer, 1)
	s := control.NewServer(control.Options{
		Appliance: func() string { return "nas-a" },
		Log:       slog.New(slog.DiscardHandler),
		Authorize: func(p control.Peer) control.Access {
			peers <- p
			return control.NoAccess
		},
	})
	l, err := control.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	_, err = control.NewClient(socket, time.Second).Version(t.Context())
	wantCode(t, err, control.CodeNoSuchRequest)
	want := control.Peer{PID: int32(os.Getpid()), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	if got := <-peers; got != want {
		t.Errorf("peer is %+v, want %+v", got, want)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestClientsBeyondTheLimitWait(t *testing.T) {
	release := make(chan struct{})
	busy := make(chan struct{}, 100)
	c := serve(t, control.Read, func(s *control.Server) {
		control.Handle(s, control.RouteVersion, func(context.Context, control.VersionRequest) (control.Version, error) {
			busy <- struct{}{}
			<-release
			return control.Version{}, nil
		})
	})
	errs := make(chan error, 70)
	for range 70 {
		go func() {
			_, err := c.Version(context.Background())
			errs <- err
		}()
	}
	for range 64 {
		<-busy
	}
	select {
	case <-busy:
		t.Error("more than 64 clients were served at a time")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	for range 70 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
