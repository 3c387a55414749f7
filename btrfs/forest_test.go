package btrfs

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// plant adds a subvolume the way the kernel tells of it.
func (f forest) plant(id, parent, dir uint64, name string, flags uint64) {
	root := make([]byte, 439)
	binary.LittleEndian.PutUint64(root[160:], 7)
	binary.LittleEndian.PutUint64(root[208:], flags)
	binary.LittleEndian.PutUint64(root[239:], 7)
	root[247] = byte(id)
	f.add(item{key: key{id, typeRootItem, 0}, data: root})
	if name == "" {
		return
	}
	ref := make([]byte, 18, 18+len(name))
	binary.LittleEndian.PutUint64(ref, dir)
	binary.LittleEndian.PutUint16(ref[16:], uint16(len(name)))
	f.add(item{key: key{id, typeRootBackref, parent}, data: append(ref, name...)})
}

// dirs is the dirPath of directories known beforehand.
func dirs(known map[inode]string) dirPath {
	return func(i inode) (string, error) {
		p, ok := known[i]
		if !ok {
			return "", unix.ENOENT
		}
		return p, nil
	}
}

func orchard() (forest, dirPath) {
	f := forest{}
	f.plant(treeTop, 0, 0, "", 0)
	f.plant(256, treeTop, 256, "photos", 0)
	f.plant(257, 256, 300, "raw", 0)
	f.plant(258, treeTop, 301, "20261123T100000Z", rootReadOnly)
	f.plant(259, treeTop, 301, "mine", rootReadOnly)
	f.plant(260, treeTop, 301, "20261123T100000.500Z", 0)
	f.plant(265, treeTop, 301, "20261123T110000Z", rootReadOnly)
	f.plant(261, 0, 0, "", 0)             // deleted
	f.plant(262, treeTop, 999, "lost", 0) // its directory has vanished
	f.plant(263, 264, 256, "round", 0)
	f.plant(264, 263, 256, "about", 0)
	return f, dirs(map[inode]string{
		{treeTop, 256}: "", {256, 300}: "2025/may", {treeTop, 301}: ".btrmesh/snapshots/" + UUID{}.String(), {263, 256}: "", {264, 256}: "",
	})
}

// orchardPath is where the snapshots of the orchard are.
var orchardPath = snapshotsPath + "/" + UUID{}.String() + "/"

func TestSubvolumesAreFoundBelowAPlace(t *testing.T) {
	f, find := orchard()
	for name, c := range map[string]struct {
		base place
		want map[uint64]string
	}{
		"top level": {place{treeTop, ""}, map[uint64]string{
			256: "photos", 257: "photos/2025/may/raw", 258: orchardPath + "20261123T100000Z",
			259: orchardPath + "mine", 260: orchardPath + "20261123T100000.500Z", 265: orchardPath + "20261123T110000Z",
		}},
		"subvolume":         {place{256, ""}, map[uint64]string{257: "2025/may/raw"}},
		"directory":         {place{256, "2025"}, map[uint64]string{257: "may/raw"}},
		"directory by half": {place{256, "20"}, map[uint64]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := f.below(c.base, find)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorOfALookupIsPassedOn(t *testing.T) {
	f, _ := orchard()
	_, err := f.below(place{treeTop, ""}, func(inode) (string, error) { return "", unix.EIO })
	if !errors.Is(err, unix.EIO) {
		t.Errorf("error is %v", err)
	}
}

func TestSharesAndSnapshotsAreToldApartByPlaceAndFlag(t *testing.T) {
	f, find := orchard()
	paths, err := f.below(place{treeTop, ""}, find)
	if err != nil {
		t.Fatal(err)
	}
	shares := sharesOf(f, paths, map[uint64]int64{256: 42})
	want := []Share{
		{Name: "photos", ID: 256, UUID: UUID{0}, Generation: 7, Referenced: 42, Nested: []string{"2025/may/raw"}},
		{Name: "photos/2025/may/raw", ID: 257, UUID: UUID{1}, Generation: 7, Referenced: -1},
	}
	if diff := cmp.Diff(want, shares); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
	snapshots := snapshotsOf(f, paths, holders{orchardPath + "20261123T100000Z": {"a", "b"}})
	if len(snapshots) != 2 || snapshots[0].ID != 258 || !slices.Equal(snapshots[0].Tasks, []string{"a", "b"}) || len(snapshots[1].Tasks) > 0 {
		t.Errorf("snapshots are %+v", snapshots)
	}
}

func TestRootItemOfAnOldKernelHasNoUUID(t *testing.T) {
	whole := make([]byte, 439)
	whole[160], whole[239], whole[247] = 7, 6, 1
	for name, data := range map[string][]byte{"short": whole[:239], "stale": whole} {
		var s tree
		s.readRootItem(data)
		if s.Generation != 7 || !s.UUID.IsZero() {
			t.Errorf("%s: read as %+v", name, s.Subvolume)
		}
	}
}

func TestRootItemFieldsAreWhereTheKernelPutsThem(t *testing.T) {
	b := make([]byte, 439)
	for i := range b {
		b[i] = byte(i)
	}
	copy(b[239:247], b[160:168])
	var s tree
	s.readRootItem(b)
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
	if s.CTransID != at(295) || s.OTransID != at(303) || s.STransID != at(311) || s.RTransID != at(319) {
		t.Errorf("transactions are %+v", s.Subvolume)
	}
	if want := time.Unix(int64(at(363)), int64(binary.LittleEndian.Uint32(b[371:]))).UTC(); !s.RTime.Equal(want) {
		t.Errorf("rtime is %v, want %v", s.RTime, want)
	}
}

func TestCutItemsAreIgnored(t *testing.T) {
	var s tree
	s.readRootItem(make([]byte, 238))
	s.readRootRef(5, make([]byte, 17))
	s.readRootRef(5, append(make([]byte, 16), 5, 0, 'a'))
	s.readRootRef(5, append(make([]byte, 16), 2, 0, '.', '.'))
	if s.linked || s.name != "" {
		t.Errorf("read as %+v", s)
	}
}
