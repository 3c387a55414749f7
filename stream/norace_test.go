//go:build !race

package stream

import "testing"

const raced = false

func unraced(*testing.T) {}
