// Package receive turns a btrfs send stream into a read-only snapshot below
// .btrmesh on a target pool, or into nothing at all.
//
// It has two layers. [Apply] and [Seal] make a received subvolume in any
// directory. [Target] adds the replica tree of one pool: staging in incoming/,
// the commit into replicas/, listing, deleting and sweeping after a crash.
//
// The stream is hostile until proven otherwise: [sendstream.Reader] checks all
// that can be known without a file system, this package the rest. Every path is
// resolved by openat2 beneath the staging subvolume, without symbolic links, and
// data goes to and comes from regular files only. Setuid bits, capabilities and
// device nodes are content and are kept.
//
// Everything here needs root: CAP_SYS_ADMIN, CAP_DAC_OVERRIDE, CAP_CHOWN,
// CAP_FOWNER, CAP_FSETID, CAP_MKNOD and CAP_SETFCAP, and a mounted /proc.
package receive
