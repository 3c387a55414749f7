package mesh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// DefaultPort is the UDP port of an appliance unless it is told another.
const DefaultPort = 7945

const (
	keyName   = "identity.key"
	stateName = "state"
	// membersName is the mirror of the membership records.
	membersName = "members"
)

// Init makes the state directory and the identity of an appliance. Repeating it
// is harmless: created is false then and nothing was changed.
func Init(stateDir string) (id certs.ID, created bool, err error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return id, false, fmt.Errorf("init: %w", err)
	}
	if err := checkPrivate(stateDir); err != nil {
		return id, false, err
	}
	key := filepath.Join(stateDir, keyName)
	identity, err := certs.LoadIdentity(key)
	if errors.Is(err, fs.ErrNotExist) {
		created = true
		identity, err = certs.CreateIdentity(key)
	}
	if err != nil {
		return id, false, explainIdentity(key, err)
	}
	return identity.ID(), created, nil
}

// checkPrivate refuses a directory that others may enter.
func checkPrivate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return control.WideModes(dir, uint32(mode), 0o700)
	}
	return nil
}

func explainIdentity(key string, err error) error {
	if !errors.Is(err, certs.ErrMode) {
		return fmt.Errorf("identity: %w", err)
	}
	info, statErr := os.Stat(key)
	if statErr != nil {
		return errors.Join(err, statErr)
	}
	return control.WideModes(key, uint32(info.Mode().Perm()), 0o600)
}

// Check tells what would keep Run from starting, as far as it can be told
// without disturbing a daemon that runs.
func Check(cfg Config) error {
	if err := checkName(cfg.Name); err != nil {
		return err
	}
	if _, err := net.ResolveUDPAddr("udp", cfg.Listen); err != nil {
		return control.Usage("cannot listen on %q: %v.", cfg.Listen, err)
	}
	for _, p := range cfg.Pools {
		if err := checkPool(p); err != nil {
			return err
		}
	}
	if err := checkPrivate(cfg.StateDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := certs.LoadIdentity(filepath.Join(cfg.StateDir, keyName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first start makes it
	}
	return err
}

func checkName(name string) error {
	if err := certs.CheckName(name); err != nil {
		return control.BadName("appliance", name).Fact("%v", err).Hint("--name NAME")
	}
	return nil
}

func checkPool(at PoolPath) error {
	p, err := btrfs.OpenPool(at.Path)
	if err != nil {
		return explainPool(at, err)
	}
	return p.Close()
}

func explainPool(at PoolPath, err error) error {
	foreign, ok := errors.AsType[*btrfs.ForeignError](err)
	if !ok {
		return fmt.Errorf("pool %s: %w", at.Name, err)
	}
	mounts, mountErr := btrfs.Mounts()
	var places []string
	for _, m := range mounts {
		places = append(places, m.Path)
	}
	if mountErr != nil {
		return errors.Join(err, mountErr)
	}
	return control.NotBtrfs(at.Path, foreign.Type, places)
}

// Run is the daemon: it serves until ctx is done. Errors that an operator can
// mend are *control.Error.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := checkName(cfg.Name); err != nil {
		return err
	}
	if _, _, err := Init(cfg.StateDir); err != nil {
		return err
	}
	identity, err := certs.LoadIdentity(filepath.Join(cfg.StateDir, keyName))
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	p := parts{identity: identity, clock: time.Now, zone: time.Local}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(ctx, cfg); err != nil {
		return err
	}
	node, err := newNode(cfg, p)
	if err != nil {
		return err
	}
	cfg.Log.Info("appliance starts", "appliance", cfg.Name, "id", identity.ID().Short(), "version", cfg.Version, "listen", p.conn.LocalAddr())
	err = node.run(ctx)
	cfg.Log.Info("appliance stopped", "appliance", cfg.Name)
	return err
}

// open opens everything a Node is put together from. What it opened before an
// error is closed by close.
func (p *parts) open(ctx context.Context, cfg Config) error {
	if err := p.openStore(cfg); err != nil {
		return err
	}
	if err := p.listen(ctx, cfg); err != nil {
		return err
	}
	version, err := btrfs.StreamVersion()
	if err != nil {
		return err
	}
	p.streamVersion = min(version, newestStream)
	p.pools = newPools(cfg.Pools, cfg.Log)
	return nil
}

// newestStream is the newest send stream format that btrmesh reads.
const newestStream = 2

func (p *parts) openStore(cfg Config) error {
	store, err := state.Open(filepath.Join(cfg.StateDir, stateName), cfg.Log)
	if locked, ok := errors.AsType[*state.LockedError](err); ok {
		return control.SecondDaemon(cfg.StateDir, locked.PID)
	}
	if full, ok := errors.AsType[*state.FullError](err); ok {
		return control.StateFull(full.Dir, full.FreeBytes)
	}
	if err != nil {
		return err
	}
	p.store, p.mirror = store, state.NewMirror(filepath.Join(cfg.StateDir, membersName))
	err = identify(store, p.identity.ID(), cfg.Name, randomInstance)
	if foreign, ok := errors.AsType[*foreignError](err); ok {
		return control.ForeignState(cfg.StateDir, foreign.owner.Short(), foreign.us.Short())
	}
	return err
}

func randomInstance() (id [16]byte) {
	rand.Read(id[:]) // never fails, see crypto/rand
	return id
}

// listen opens the UDP port, the TCP port beside it, and the socket of the local API.
func (p *parts) listen(ctx context.Context, cfg Config) error {
	addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return control.Usage("cannot listen on %q: %v.", cfg.Listen, err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return control.PortTaken(addr.Port, "")
	}
	if err != nil {
		return fmt.Errorf("listen on udp %s: %w", cfg.Listen, err)
	}
	p.conn = conn
	if p.tcp, err = listenTCP(ctx, conn.LocalAddr()); err != nil {
		cfg.Log.Warn("no tcp port, data travels over quic alone", "err", err)
	}
	socket, err := control.Listen(ctx, cfg.Socket)
	if errors.Is(err, control.ErrSocketInUse) {
		return control.Errorf(control.CodeSecondDaemon, "another btrmesh daemon serves %s.", cfg.Socket).Hint("--socket PATH")
	}
	if err != nil {
		return err
	}
	p.control = socket
	return nil
}

// listenTCP opens the TCP port beside the UDP port at addr. It is nil after an
// error.
func listenTCP(ctx context.Context, addr net.Addr) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen on tcp %s: %w", addr, err)
	}
	return l, nil
}

// close gives everything back, last opened first.
func (p *parts) close() error {
	var errs []error
	if p.pools != nil {
		errs = append(errs, p.pools.close())
	}
	if p.control != nil {
		errs = append(errs, ignoreClosed(p.control.Close()))
	}
	if p.tcp != nil {
		errs = append(errs, ignoreClosed(p.tcp.Close()))
	}
	if p.conn != nil {
		errs = append(errs, ignoreClosed(p.conn.Close()))
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
