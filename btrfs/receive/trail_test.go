package receive

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTrailClosesEveryFileItWasGiven(t *testing.T) {
	var way trail
	var readers []int
	for range 3 * maxPieces {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(ends[0]) //nolint:errcheck // opened for reading
		readers = append(readers, ends[0])
		way.add(piece{ends[1], 0, shortPiece})
	}
	way.wait()
	for _, fd := range readers {
		if n, err := unix.Read(fd, make([]byte, 1)); n != 0 || err != nil {
			t.Fatalf("a pipe is still open: read %d, %v", n, err)
		}
	}
}

func TestTrailGoesOnAfterAWait(t *testing.T) {
	var way trail
	for range 2 {
		file, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer release(file)
		fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		way.add(piece{fd, 0, enoughBytes})
		way.wait()
		if way.work != nil || len(way.next) > 0 {
			t.Error("something is left")
		}
	}
}

func TestWhatIsWrittenInOneGoIsOnePiece(t *testing.T) {
	var file openFile
	for _, c := range []struct{ from, to, wantFrom int64 }{
		{0, 100, 0},
		{100, 150, 0},
		{500, 600, 500}, // what was before is left to syncfs
		{550, 560, 550},
		{560, 700, 550},
	} {
		file.wrote(c.from, c.to)
		if want := (piece{0, c.wantFrom, c.to}); file.fresh != want {
			t.Errorf("after bytes %d to %d: have %v, want %v", c.from, c.to, file.fresh, want)
		}
	}
}
