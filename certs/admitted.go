package certs

// Admitted returns the admit records of s that id signed, by hash ascending:
// what is lost with id unless its revocation keeps it.
func Admitted(s *RecordSet, id ID) []Record {
	var admits []Record
	for _, h := range s.sorted {
		if r := s.records[h]; r.id == id && r.Kind() == Admit {
			admits = append(admits, r)
		}
	}
	return admits
}
