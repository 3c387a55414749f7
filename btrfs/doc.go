// Package btrfs speaks to the btrfs of the running kernel: pools, shares,
// snapshots and the send side of replication. It uses ioctls alone, no cgo and
// no btrfs program. Struct layouts and numbers are those of
// include/uapi/linux/btrfs.h and btrfs_tree.h.
//
// The low-level functions take the [os.File] of an open directory and single
// path components. Unless a comment says otherwise they need CAP_SYS_ADMIN and
// may be called from several goroutines; the file must stay open during the
// call.
package btrfs
