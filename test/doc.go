// Package test holds what only the whole program can show: the layers between
// packages, real daemons in network namespaces on real btrfs, faults, and the
// benchmarks. It has no code that the product imports.
package test
