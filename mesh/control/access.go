package control

import (
	"context"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// Access is what a client may do. It is ordered.
type Access uint8

// The kinds of access. The zero value is none.
const (
	NoAccess Access = 0
	Read     Access = 1
	Change   Access = 2
)

// The groups whose members may use the socket.
const (
	readGroup   = "btrmesh"
	changeGroup = "btrmesh-admin"
)

// Peer is the process at the other end of the socket, as the kernel vouched
// for it when it connected.
type Peer struct {
	PID int32
	UID uint32
	GID uint32
}

// groupAccess decides by the account database: root and members of
// btrmesh-admin change, the daemon's own user and members of btrmesh read.
func groupAccess(p Peer) Access {
	switch {
	case p.UID == 0, inGroup(p, changeGroup):
		return Change
	case uint64(p.UID) == uint64(os.Geteuid()), inGroup(p, readGroup):
		return Read
	}
	return NoAccess
}

// inGroup tells whether p's user belongs to a group, as its process's group or
// in the account database. A user or group that does not exist is in none.
func inGroup(p Peer, name string) bool {
	group, err := user.LookupGroup(name)
	if err != nil {
		return false
	}
	if group.Gid == strconv.FormatUint(uint64(p.GID), 10) {
		return true
	}
	account, err := user.LookupId(strconv.FormatUint(uint64(p.UID), 10))
	if err != nil {
		return false
	}
	gids, err := account.GroupIds()
	return err == nil && slices.Contains(gids, group.Gid)
}

// accessKey is the context key of a request's Access.
type accessKey struct{}

// WithAccess returns a context for requests that come with a, for faces that
// check who asks by themselves.
func WithAccess(ctx context.Context, a Access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// accessOf returns the access a request comes with; NoAccess by default.
func accessOf(ctx context.Context) Access {
	a, ok := ctx.Value(accessKey{}).(Access)
	if !ok {
		return NoAccess
	}
	return a
}
