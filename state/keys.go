package state

import (
	"encoding/binary"
	"fmt"
	"strings"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// The keys, in the order they have in the store. The first byte is the kind;
// numbers are big-endian, so that they sort; a task name ends with a zero byte
// where more follows, since it cannot contain one; IDs are 32 bytes, UUIDs 16.
// A number once given is never used for anything else.
//
//	00                                      schema number, uint32, without the value format below
//	01                                      Appliance
//	02 ‖ peer                               Peer
//	03 ‖ peer ‖ pool                        Grant
//	04 ‖ task                               Task
//	05 ‖ 01 ‖ task ‖ 00 ‖ number            Run, sent; number is uint64
//	05 ‖ 02 ‖ peer ‖ task ‖ 00 ‖ number     Run, received
//	06 ‖ source ‖ pool ‖ share              Replica
//	07 ‖ number                             Invite
//	08 ‖ key of a Run without its 05        empty value: that run is not final
//	09 ‖ hash                               Record
//	0a ‖ subject                            Decision
//	0b ‖ hash                               Hold
const (
	kindSchema    = 0x00
	kindAppliance = 0x01
	kindPeer      = 0x02
	kindGrant     = 0x03
	kindTask      = 0x04
	kindRun       = 0x05
	kindReplica   = 0x06
	kindInvite    = 0x07
	kindOpenRun   = 0x08
	kindRecord    = 0x09
	kindDecision  = 0x0a
	kindHold      = 0x0b
)

const (
	maxTaskName  = 63   // CLI.md: [A-Za-z0-9_.-]+
	maxShareName = 4095 // PATH_MAX less the final zero
	numberSize   = 8
)

func schemaKey() []byte { return []byte{kindSchema} }

func applianceKey() []byte { return []byte{kindAppliance} }

func peerKey(id certs.ID) []byte { return append([]byte{kindPeer}, id[:]...) }

// grantKey is, with a zero pool, only the prefix of all grants of peer.
func grantKey(peer certs.ID, pool btrfs.UUID) []byte {
	k := append([]byte{kindGrant}, peer[:]...)
	if !pool.IsZero() {
		k = append(k, pool[:]...)
	}
	return k
}

func taskKey(name string) []byte { return append([]byte{kindTask}, name...) }

// runGroup is the prefix of all runs of one task; peer is looked at on the
// receiving side only.
func runGroup(side Side, peer certs.ID, task string) []byte {
	k := []byte{kindRun, byte(side)}
	if side == Receive {
		k = append(k, peer[:]...)
	}
	return append(append(k, task...), 0)
}

func runKey(side Side, peer certs.ID, task string, number uint64) []byte {
	return binary.BigEndian.AppendUint64(runGroup(side, peer, task), number)
}

// openKey turns the key of a run into that of its entry among the open ones,
// and back with kindRun.
func openKey(runKey []byte, kind byte) []byte {
	return append([]byte{kind}, runKey[1:]...)
}

func replicaKey(source certs.ID, pool btrfs.UUID, share string) []byte {
	k := append([]byte{kindReplica}, source[:]...)
	return append(append(k, pool[:]...), share...)
}

func recordKey(hash [32]byte) []byte { return append([]byte{kindRecord}, hash[:]...) }

func decisionKey(subject certs.ID) []byte { return append([]byte{kindDecision}, subject[:]...) }

func holdKey(hash [32]byte) []byte { return append([]byte{kindHold}, hash[:]...) }

func inviteKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kindInvite}, number)
}

// keyName writes a key for a person: its kind, then the rest in hex.
func keyName(key []byte) string {
	names := []string{"schema", "appliance", "peer", "grant", "task", "run", "replica", "invite", "open run", "record", "decision", "hold"}
	if len(key) == 0 || int(key[0]) >= len(names) {
		return fmt.Sprintf("key %x", key)
	}
	return fmt.Sprintf("%s %x", names[key[0]], key[1:])
}

// checkTask refuses a task name that is not 1 to 63 of A-Z a-z 0-9 _ . - which
// also keeps the zero byte out of keys, and bytes that sort after all others.
func checkTask(name string) error {
	if name == "" || len(name) > maxTaskName {
		return fmt.Errorf("task name of %d bytes, 1 to %d are possible", len(name), maxTaskName)
	}
	for _, c := range name {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", c) {
			return fmt.Errorf("task name %q: %q is none of A-Z a-z 0-9 _ . -", name, c)
		}
	}
	return nil
}

// checkShare refuses what cannot be a path.
func checkShare(name string) error {
	if name == "" || len(name) > maxShareName || strings.ContainsRune(name, 0) {
		return fmt.Errorf("share name %.80q: 1 to %d bytes are possible, none of them zero", name, maxShareName)
	}
	return nil
}
