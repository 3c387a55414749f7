package sendstream

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMutatedKernelStreamsKeepThePromises holds whole streams of the kernel, the
// long ones too, with a few commands damaged, lost, doubled, swapped or taken
// from another stream, to what FuzzReader does.
func TestMutatedKernelStreamsKeepThePromises(t *testing.T) {
	streams := kernelStreams(t)
	names := slices.Sorted(maps.Keys(streams))
	for _, name := range names {
		for seed := range uint64(12) {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 5))
				other := cutCommands(streams[names[rng.IntN(len(names))]])
				commands := cutCommands(streams[name])
				for range 1 + rng.IntN(3) {
					commands = mutated(rng, commands, other)
				}
				stream := slices.Concat(streams[name][:headerSize], bytes.Join(commands, nil))
				checkStream(t, stream)
				checkStream(t, mend(stream))
			})
		}
	}
}

// mutated is a stream's commands with one change.
func mutated(rng *rand.Rand, commands, other [][]byte) [][]byte {
	commands = slices.Clone(commands)
	i, j := rng.IntN(len(commands)), rng.IntN(len(commands))
	switch rng.IntN(6) {
	case 0:
		return slices.Delete(commands, i, i+1)
	case 1:
		return slices.Insert(commands, i, commands[j])
	case 2:
		commands[i], commands[j] = commands[j], commands[i]
	case 3:
		commands[i] = other[rng.IntN(len(other))]
	case 4:
		return commands[:1+i]
	default:
		commands[i] = damaged(rng, commands[i])
	}
	return commands
}

// damaged is a command with one byte changed: often one of its header or of that
// of its first attribute.
func damaged(rng *rand.Rand, command []byte) []byte {
	command = bytes.Clone(command)
	at := rng.IntN(len(command))
	if rng.IntN(2) == 0 {
		at %= commandHeaderSize + 4
	}
	command[at] ^= 1 << rng.IntN(8)
	return command
}
