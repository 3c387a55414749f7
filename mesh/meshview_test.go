package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/stream"
)

// busy is a fleet in which each has a task to the next.
func busy(t *testing.T, n int, test func(f *fleet)) {
	t.Helper()
	crewed(t, n, func(f *fleet) {
		for i, m := range f.nodes {
			next := f.nodes[(i+1)%n]
			allow(t, next, control.AllowPool{Appliance: m.name})
			m.newShare("photos", map[string]string{"one": m.name})
			m.add("photos", next, 3600)
		}
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		time.Sleep(5 * time.Second)
		test(f)
	})
}

// poolsShown lists the pools of a status by appliance, with their age if it is
// not that of the status.
func poolsShown(st control.Status) []string {
	var list []string
	for _, p := range st.Pools {
		list = append(list, p.Appliance+":"+p.Name+age(p.AsOf))
	}
	slices.Sort(list)
	return list
}

// tasksShown lists the tasks of other appliances likewise.
func tasksShown(st control.Status) []string {
	var list []string
	for _, t := range st.MeshTasks {
		list = append(list, t.Appliance+":"+t.Name+age(t.AsOf))
	}
	slices.Sort(list)
	return list
}

func age(asOf time.Time) string {
	if asOf.IsZero() {
		return ""
	}
	return fmt.Sprintf(" %s ago", time.Since(asOf).Round(time.Second))
}

func TestStatusAnywhereShowsThePoolsAndTasksOfAll(t *testing.T) {
	busy(t, 4, func(f *fleet) {
		t := f.t
		for _, m := range f.nodes {
			st := m.overview()
			if got, want := poolsShown(st), []string{"nas-a:tank", "nas-b:tank", "nas-c:tank", "nas-d:tank"}; !slices.Equal(got, want) {
				t.Errorf("%s shows the pools %q", m.name, got)
			}
			if got := len(st.Send) + len(tasksShown(st)); got != 4 {
				t.Errorf("%s shows %d tasks: %q", m.name, got, tasksShown(st))
			}
			runs, err := m.api.history(m.ctx(), control.HistoryRequest{All: true})
			if err != nil || len(runs) != 8 { // each run from both sides
				t.Errorf("%s shows %d runs, %v", m.name, len(runs), err)
			}
		}
	})
}

func TestOneThatIsSilentIsShownAsItWasWithoutKeepingTheScreenWaiting(t *testing.T) {
	busy(t, 4, func(f *fleet) {
		t := f.t
		a, silent := f.nodes[0], f.nodes[1]
		a.overview()
		for _, after := range []time.Duration{0, time.Minute} {
			f.silence(silent, true)
			time.Sleep(after)
			asked := time.Now()
			st := a.overview()
			took := time.Since(asked)
			if took > 2*time.Second {
				t.Errorf("status took %s", took)
			}
			want := []string{"nas-a:tank", "nas-b:tank" + fmt.Sprintf(" %s ago", (after+took).Round(time.Second)), "nas-c:tank", "nas-d:tank"}
			if got := poolsShown(st); !slices.Equal(got, want) {
				t.Errorf("after %s the pools are %q, want %q", after, got, want)
			}
			if got := tasksShown(st); len(got) != 3 || !strings.HasPrefix(got[0], "nas-b:photos-nas-c ") {
				t.Errorf("after %s the tasks are %q", after, got)
			}
			f.silence(silent, false)
			f.wantSeen(healing, control.Online, f.nodes, f.nodes)
			a.overview()
		}
	})
}

func TestASectionThatDoesNotFitIntoOneAnswerIsToldInPages(t *testing.T) {
	const many = 800 // about 200 KiB
	crewed(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		for i := range many {
			b.newShare(fmt.Sprintf("share-%04d", i), nil)
		}
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		list, err := a.shares(a.ctx(), control.SharesRequest{All: true})
		if err != nil || len(list) != many {
			t.Fatalf("%d shares, %v", len(list), err)
		}
		for i, s := range list {
			if want := fmt.Sprintf("share-%04d", i); s.Name != want || s.Appliance != "nas-b" {
				t.Fatalf("share %d is %s of %s", i, s.Name, s.Appliance)
			}
		}
	})
}

// liar is a member that answers questions about itself as it likes.
type liar struct {
	*Node
	answer func(sectionRequest) ([]byte, error)
}

func (l liar) Answer(_ context.Context, _ certs.ID, q stream.Query) (stream.Answer, error) {
	var req sectionRequest
	if err := json.Unmarshal(q.Body, &req); err != nil {
		return stream.Answer{}, err
	}
	body, err := l.answer(req)
	return stream.Answer{Body: body}, err
}

func TestHostileAnswersAboutTheMeshAreBounded(t *testing.T) {
	const body = 60 << 10
	page := func(item string, more bool) []byte {
		items := make([]string, body/(len(item)+1)-1)
		for i := range items {
			items[i] = item
		}
		return fmt.Appendf(nil, `{"items":[%s],"more":%t}`, strings.Join(items, ","), more)
	}
	answers := map[string]func(sectionRequest) ([]byte, error){
		"garbage":          func(sectionRequest) ([]byte, error) { return []byte(blob(1, body)), nil },
		"nothing":          func(sectionRequest) ([]byte, error) { return nil, nil },
		"null":             func(sectionRequest) ([]byte, error) { return []byte("null"), nil },
		"deep":             func(sectionRequest) ([]byte, error) { return []byte(strings.Repeat("[", body)), nil },
		"items of no sort": func(sectionRequest) ([]byte, error) { return page(`7`, false), nil },
		"empty pages":      func(sectionRequest) ([]byte, error) { return []byte(`{"items":[],"more":true}`), nil },
		"endless pages":    func(sectionRequest) ([]byte, error) { return page(`{}`, true), nil },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			crewed(t, 3, func(f *fleet) {
				t := f.t
				a, c := f.nodes[0], f.nodes[2]
				defer f.lie(f.nodes[1], answer)()
				f.wantSeen(healing, control.Online, []*member{a}, f.nodes)
				asked := time.Now()
				st := a.overview()
				if took := time.Since(asked); took > 2*time.Second {
					t.Errorf("status took %s", took)
				}
				if len(st.Pools) > 2+mostItems || len(st.MeshTasks) > mostItems {
					t.Errorf("%d pools and %d tasks of one appliance", len(st.Pools), len(st.MeshTasks))
				}
				if !slices.ContainsFunc(st.Pools, func(p control.Pool) bool { return p.Appliance == c.name }) {
					t.Error("the pool of nas-c is not shown")
				}
			})
		})
	}
}

// lie puts a liar in the place of m, which the function that it returns ends.
func (f *fleet) lie(m *member, answer func(sectionRequest) ([]byte, error)) func() {
	f.t.Helper()
	m.halt()
	f.silence(m, false)
	endpoint, err := stream.Listen(stream.Config{
		Identity: m.identity, Conn: m.conn, Name: m.Node.name, Version: "test", Member: m.members.is, Records: m.members,
		Pairing: func() bool { return false }, Addresses: m.addresses, Handler: liar{m.Node, answer}, Log: m.cfg.Log,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- endpoint.Run(ctx) }()
	return func() {
		stop()
		if err := <-ended; err != nil {
			f.t.Error(err)
		}
		f.silence(m, true)
	}
}
