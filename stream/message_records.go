package stream

// hashPage names records: either end of an exchange, <= 57 KiB. They follow
// each other until one says that there is no more.
type hashPage struct {
	Hashes []byte `cbor:"1,keyasint"` // 32 bytes each, <= 1792 of them
	More   bool   `cbor:"2,keyasint"`
}

// recordPage carries records: either end of an exchange, and inviter → joiner
// after joined; <= 62 KiB. Pages follow each other like those of hashes.
type recordPage struct {
	Records [][]byte `cbor:"1,keyasint"` // each <= 1 KiB, <= 512 of them
	More    bool     `cbor:"2,keyasint"`
}

// synced ends an exchange of records: what the opener sent is stored.
type synced struct{}

func (hashPage) frameType() frameType   { return typeHashes }
func (recordPage) frameType() frameType { return typeRecords }
func (synced) frameType() frameType     { return typeSynced }

func (synced) check() error { return nil }
