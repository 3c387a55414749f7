// Package btrfstest is what tests need to know that btrfs was copied rightly: a
// fresh pool on a loop device, a digest of a whole tree that shares no code with
// the receiver, a mutator that makes every kind of change a tree can suffer, an
// in-memory stand-in for a pool, and one suite that the stand-in and the kernel
// both have to pass. Only tests import it.
package btrfstest
