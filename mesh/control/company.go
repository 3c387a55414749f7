package control

// Company says with whom a run sends: tasks of one share that fall due together
// have the same stream, which is read and compressed once.
type Company struct {
	Together   []string `json:"together,omitempty"`    // the other tasks, sorted
	ApartBytes int64    `json:"apart_bytes,omitempty"` // of the send stream: from here on it was sent separately, its target being slower
}
