package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/ipv4"
)

const udpSegment = 103 // UDP_SEGMENT of linux/udp.h: what to cut a long datagram into

// control encodes one control message.
func control(level, kind int, body ...byte) []byte {
	const word = syscall.SizeofCmsghdr - 8
	b := make([]byte, syscall.CmsgSpace(len(body)))
	if word == 8 {
		binary.NativeEndian.PutUint64(b, uint64(syscall.CmsgLen(len(body))))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(syscall.CmsgLen(len(body))))
	}
	binary.NativeEndian.PutUint32(b[word:], uint32(level))
	binary.NativeEndian.PutUint32(b[word+4:], uint32(kind))
	copy(b[syscall.SizeofCmsghdr:], body)
	return b
}

func segmentControl(bytes int) []byte {
	return control(solUDP, udpGRO, binary.NativeEndian.AppendUint32(nil, uint32(bytes))...)
}

// slots are what quic-go reads into.
func slots(n int) []ipv4.Message {
	ms := make([]ipv4.Message, n)
	for i := range ms {
		ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}
	}
	return ms
}

// lengths empties b.
func (b *burst) lengths() []int {
	var all []int
	for more := true; more; more = len(b.rest) > 0 {
		m := slots(1)
		b.next(&m[0])
		all = append(all, m[0].N)
	}
	return all
}

func TestBurstIsCutIntoItsDatagrams(t *testing.T) {
	tos := control(syscall.IPPROTO_IP, syscall.IP_TOS, 2)
	lying := segmentControl(1200)
	binary.NativeEndian.PutUint32(lying, 1<<30)
	tests := map[string]struct {
		bytes   int
		control []byte
		flags   int
		want    []int
		kept    []byte
	}{
		"no control":              {bytes: 1200, want: []int{1200}},
		"one datagram":            {bytes: 1200, control: tos, want: []int{1200}, kept: tos},
		"empty datagram":          {bytes: 0, want: []int{0}},
		"empty with segment size": {bytes: 0, control: segmentControl(7), want: []int{0}},
		"equal datagrams":         {bytes: 3600, control: segmentControl(1200), want: []int{1200, 1200, 1200}},
		"shorter last":            {bytes: 2407, control: segmentControl(1200), want: []int{1200, 1200, 7}},
		"smallest":                {bytes: 3, control: segmentControl(1), want: []int{1, 1, 1}},
		"size of the whole":       {bytes: 1200, control: segmentControl(1200), want: []int{1200}},
		"size before others":      {bytes: 9, control: slices.Concat(segmentControl(5), tos, tos), want: []int{5, 4}, kept: slices.Concat(tos, tos)},
		"size after others":       {bytes: 9, control: slices.Concat(tos, segmentControl(5)), want: []int{5, 4}, kept: tos},

		"segment of nothing":       {bytes: 9, control: segmentControl(0), want: []int{9}},
		"negative segment":         {bytes: 9, control: segmentControl(-5), want: []int{9}},
		"segment beyond the data":  {bytes: 9, control: segmentControl(10), want: []int{9}},
		"segment beyond all":       {bytes: 9, control: segmentControl(1 << 30), want: []int{9}},
		"segment size too short":   {bytes: 9, control: control(solUDP, udpGRO, 5, 0), want: []int{9}},
		"segment size too long":    {bytes: 9, control: control(solUDP, udpGRO, 5, 0, 0, 0, 0, 0, 0, 0), want: []int{9}},
		"of another protocol":      {bytes: 9, control: control(syscall.IPPROTO_IP, udpGRO, 5, 0, 0, 0), want: []int{9}, kept: control(syscall.IPPROTO_IP, udpGRO, 5, 0, 0, 0)},
		"message beyond the data":  {bytes: 9, control: slices.Concat(tos, lying), want: []int{9}, kept: tos},
		"message shorter than its": {bytes: 9, control: slices.Concat(tos, make([]byte, syscall.SizeofCmsghdr)), want: []int{9}, kept: tos},
		"half a head":              {bytes: 9, control: slices.Concat(segmentControl(5), tos[:7]), want: []int{5, 4}},
		"last without padding":     {bytes: 9, control: slices.Concat(segmentControl(5), tos[:syscall.CmsgLen(1)]), want: []int{5, 4}, kept: tos[:syscall.CmsgLen(1)]},
		"cut by the kernel":        {bytes: 9, control: slices.Concat(segmentControl(5), tos), flags: syscall.MSG_CTRUNC, want: []int{5, 4}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBurst(make([]byte, test.bytes), slices.Clone(test.control), test.flags)
			if !bytes.Equal(b.control, test.kept) {
				t.Errorf("kept % x of % x", b.control, test.control)
			}
			if diff := cmp.Diff(test.want, b.lengths()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzBurst(f *testing.F) {
	f.Add(2407, segmentControl(1200))
	f.Add(9, slices.Concat(control(syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, 1, 0, 0, 0), segmentControl(5)))
	f.Fuzz(func(t *testing.T, n int, controls []byte) {
		data := make([]byte, uint(n)%(maxBurst+1))
		b := newBurst(data, controls, 0)
		if _, err := syscall.ParseSocketControlMessage(b.control); err != nil {
			t.Errorf("keeps what quic-go gives the socket up over: %v", err)
		}
		var sum int
		for _, n := range b.lengths() {
			sum += n
		}
		if sum != len(data) && b.segment <= 1452 {
			t.Errorf("%d bytes of %d", sum, len(data))
		}
	})
}

func TestSlotTakesWhatFits(t *testing.T) {
	controls := control(syscall.IPPROTO_IP, syscall.IP_TOS, 2)
	b := newBurst([]byte("longer, short"), slices.Concat(segmentControl(8), controls), 0)
	long, short := slots(1), slots(1)
	long[0].Buffers[0], long[0].OOB = make([]byte, 4), make([]byte, len(controls)-1)
	b.next(&long[0])
	b.next(&short[0])
	if got := string(long[0].Buffers[0][:long[0].N]); got != "long" || long[0].NN != 0 {
		t.Errorf("%q with %d bytes of control", got, long[0].NN)
	}
	if got := string(short[0].Buffers[0][:short[0].N]); got != "short" || !bytes.Equal(short[0].OOB[:short[0].NN], controls) {
		t.Errorf("%q with % x", got, short[0].OOB[:short[0].NN])
	}
}

// sendBurst has the kernel cut b into datagrams, marked with the ECN bits.
func sendBurst(t *testing.T, from *net.UDPConn, to net.Addr, b []byte, segment int, ecn byte) {
	t.Helper()
	controls := control(solUDP, udpSegment, binary.NativeEndian.AppendUint16(nil, uint16(segment))...)
	if addrPort(to).Addr().Is4() {
		controls = append(controls, control(syscall.IPPROTO_IP, syscall.IP_TOS, ecn)...)
	} else {
		controls = append(controls, control(syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, ecn, 0, 0, 0)...)
	}
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		t.Fatalf("to %T", to)
	}
	if _, _, err := from.WriteMsgUDP(b, controls, udp); err != nil {
		t.Fatal(err)
	}
}

// reportECN is what quic-go asks of its sockets.
func reportECN(t *testing.T, udp *net.UDPConn) {
	t.Helper()
	raw, err := udp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVTOS, 1)
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVTCLASS, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ecnOf is 0 without a mark.
func ecnOf(t *testing.T, m *ipv4.Message) byte {
	t.Helper()
	all, err := syscall.ParseSocketControlMessage(m.OOB[:m.NN])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		h := c.Header
		if h.Level == syscall.IPPROTO_IP && h.Type == syscall.IP_TOS || h.Level == syscall.IPPROTO_IPV6 && h.Type == syscall.IPV6_TCLASS {
			return c.Data[0]
		}
	}
	return 0
}

// read returns n datagrams as their sender, ECN bits and text.
func (c *counted) read(t *testing.T, n int) (all []string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for ms := slots(8); len(all) < n; {
		some, err := c.ReadBatch(ms, 0)
		if err != nil {
			t.Fatalf("after %d datagrams: %v", len(all), err)
		}
		for i := range some {
			m := &ms[i]
			all = append(all, fmt.Sprintf("%s ecn=%d %q", m.Addr, ecnOf(t, m), m.Buffers[0][:m.N]))
		}
	}
	return all
}

func TestBurstsArriveInOrderAndWhole(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			udp, from := loopback(t, listen), loopback(t, listen)
			target := withOffload(t, udp)
			reportECN(t, udp)
			const bursts, perBurst, length = 30, 13, 1252
			for i := range bursts {
				var b []byte
				var want []string
				for j := range perBurst {
					d := fmt.Appendf(nil, "%*d", length, i*perBurst+j)
					if j == perBurst-1 {
						d = d[length-20-i:]
					}
					want, b = append(want, fmt.Sprintf("%s ecn=%d %q", from.LocalAddr(), i%3, d)), append(b, d...)
				}
				sendBurst(t, from, udp.LocalAddr(), b, length, byte(i%3))
				if diff := cmp.Diff(want, target.read(t, perBurst)); diff != "" {
					t.Fatal(diff)
				}
			}
			if calls := target.calls.Load(); calls != bursts {
				t.Errorf("%d bursts took %d system calls", bursts, calls)
			}
		})
	}
}

func TestSendersAndEmptyDatagramsStayApart(t *testing.T) {
	udp := loopback(t, "127.0.0.1:0")
	target := withOffload(t, udp)
	senders := []*net.UDPConn{loopback(t, "127.0.0.1:0"), loopback(t, "127.0.0.1:0")}
	var want []string
	for i, text := range []string{"a", "", "bb", "", "c"} {
		from := senders[i%2]
		if _, err := from.WriteTo([]byte(text), udp.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%s ecn=0 %q", from.LocalAddr(), text))
	}
	if diff := cmp.Diff(want, target.read(t, len(want))); diff != "" {
		t.Error(diff)
	}
}

func TestReadBatchEndsWithItsDeadline(t *testing.T) {
	udp := loopback(t, "127.0.0.1:0")
	target := withOffload(t, udp)
	if err := udp.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	n, err := target.ReadBatch(slots(8), 0)
	if timeout, ok := err.(net.Error); n != 0 || !ok || !timeout.Timeout() { //nolint:errorlint // quic-go does not unwrap either
		t.Errorf("%d, %v", n, err)
	}
}

func TestSocketIsUsedAsItIsWithoutOffload(t *testing.T) {
	udp := loopback(t, "127.0.0.1:0")
	if err := udp.Close(); err != nil { // no option can be set any more
		t.Fatal(err)
	}
	for _, conn := range []net.PacketConn{udp, plain(t, loopback(t, "127.0.0.1:0"))} {
		var logged strings.Builder
		log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		if got := batching(conn, log); got != conn {
			t.Errorf("%T became %T", conn, got)
		}
		if _, tried := conn.(*net.UDPConn); tried != strings.Contains(logged.String(), `level=DEBUG msg="receive offload is off"`) {
			t.Errorf("%T: logged %q", conn, logged.String())
		}
	}
}
