package btrfs

import "testing"

func TestProfileIsNamedAfterTheChunkFlags(t *testing.T) {
	for flags, want := range map[uint64]string{
		chunkData:         "single",
		chunkData | 1<<3:  "raid0",
		chunkData | 1<<4:  "raid1",
		chunkData | 1<<5:  "dup",
		chunkData | 1<<6:  "raid10",
		chunkData | 1<<7:  "raid5",
		chunkData | 1<<8:  "raid6",
		chunkData | 1<<9:  "raid1c3",
		chunkData | 1<<10: "raid1c4",
		chunkData | 1<<48: "single",
	} {
		if got := profile(flags); got != want {
			t.Errorf("flags %#x are %q, want %q", flags, got, want)
		}
	}
}

func TestMetadataSpaceIsSummedOverProfiles(t *testing.T) {
	s := spaceOf([]spaceInfo{
		{chunkData | 1<<4, 100, 50},
		{chunkMetadata, 100, 30},
		{chunkMetadata | 1<<5, 10, 20}, // more used than there is, as while it is removed
	})
	if s.Metadata != 70 || s.Profile != "raid1" {
		t.Errorf("space is %+v", s)
	}
}
