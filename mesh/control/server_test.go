package control_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"btrmesh/mesh/control"
)

// testTime is what the servers of these tests take for now.
var testTime = time.Date(2026, 11, 23, 10, 6, 23, 456, time.FixedZone("CET", 3600))

// serve runs a server with the given access for everybody and returns a client
// of it. It ends with the test.
func serve(t *testing.T, access control.Access, register func(*control.Server)) *control.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s.sock")
	s := control.NewServer(control.Options{
		Appliance: func() string { return "nas-a" },
		Now:       func() time.Time { return testTime },
		Log:       slog.New(slog.DiscardHandler),
		Authorize: func(control.Peer) control.Access { return access },
		Socket:    socket,
	})
	register(s)
	l, err := control.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return control.NewClient(socket, 5*time.Second)
}

// wantCode checks that err is an API error with a code.
func wantCode(t *testing.T, err error, code string) control.Error {
	t.Helper()
	e, ok := errors.AsType[*control.Error](err)
	if !ok || e.Code != code {
		t.Fatalf("error is %v, want code %s", err, code)
	}
	return *e
}

func TestListComesWithItsHead(t *testing.T) {
	c := serve(t, control.Read, func(s *control.Server) {
		control.Handle(s, control.RouteTasks, func(_ context.Context, r control.TasksRequest) ([]control.Task, error) {
			if !r.Late || r.Enabled {
				t.Errorf("request is %+v, want late only", r)
			}
			return []control.Task{{Name: "photos-nas-b", EverySeconds: 300}}, nil
		})
	})
	a, err := c.Tasks(t.Context(), control.TasksRequest{Late: true})
	if err != nil {
		t.Fatal(err)
	}
	head := control.Head{Schema: 1, Kind: "task.list", Appliance: "nas-a", Time: testTime.UTC().Truncate(time.Second)}
	if diff := cmp.Diff(head, a.Head); diff != "" {
		t.Error(diff)
	}
	if len(a.Value) != 1 || a.Value[0].Name != "photos-nas-b" {
		t.Errorf("tasks are %+v", a.Value)
	}
	if !strings.HasPrefix(string(a.Raw), `{"schema":1,"kind":"task.list","appliance":"nas-a","time":"2026-11-23T09:06:23Z","items":[`) {
		t.Errorf("raw answer is %s", a.Raw)
	}
}

func TestListWithoutItemsIsNeverNull(t *testing.T) {
	c := serve(t, control.Read, func(s *control.Server) {
		control.Handle(s, control.RouteShares, func(context.Context, control.SharesRequest) ([]control.Share, error) {
			return nil, nil
		})
	})
	a, err := c.Shares(t.Context(), control.SharesRequest{})
	if err != nil || !strings.HasSuffix(string(a.Raw), `"items":[]}`) {
		t.Errorf("answer is %s, %v", a.Raw, err)
	}
}

func TestChangeCarriesPathBodyAndDryRun(t *testing.T) {
	want := control.AllowPool{Pool: "a/b ü", Appliance: "nas-b", QuotaBytes: 7, Shares: []string{"x,y"}, Dry: control.Dry{DryRun: true}}
	c := serve(t, control.Change, func(s *control.Server) {
		control.Handle(s, control.RoutePoolAllow, func(_ context.Context, r control.AllowPool) (control.GrantChange, error) {
			if diff := cmp.Diff(want, r); diff != "" {
				t.Error(diff)
			}
			return control.GrantChange{Plan: &control.Plan{Would: "allow"}}, nil
		})
	})
	a, err := c.AllowPool(t.Context(), want)
	if err != nil || !a.DryRun || a.Value.Plan.Would != "allow" {
		t.Errorf("answer is %s, %v", a.Raw, err)
	}
}

func TestReaderMayNotChange(t *testing.T) {
	c := serve(t, control.Read, func(s *control.Server) {
		control.Handle(s, control.RouteService, func(context.Context, control.SetService) (control.ServiceChange, error) {
			t.Error("a reader's change was run")
			return control.ServiceChange{}, nil
		})
	})
	_, err := c.SetService(t.Context(), control.SetService{})
	if e := wantCode(t, err, control.CodeReadOnlyUser); e.Exit != control.ExitNotAllowed {
		t.Errorf("exit is %d", e.Exit)
	}
}

func TestStrangerReadsNothing(t *testing.T) {
	c := serve(t, control.NoAccess, func(s *control.Server) {
		control.Handle(s, control.RouteVersion, func(context.Context, control.VersionRequest) (control.Version, error) {
			t.Error("a stranger's request was run")
			return control.Version{}, nil
		})
	})
	_, err := c.Version(t.Context())
	wantCode(t, err, control.CodeSocketDenied)
}

func TestOldDaemonNamesTheRequestItDoesNotKnow(t *testing.T) {
	c := serve(t, control.Change, func(*control.Server) {})
	_, err := c.Version(t.Context())
	wantCode(t, err, control.CodeNoSuchRequest)
}

func TestErrorReachesTheClientWhole(t *testing.T) {
	want := control.NotGranted("nas-b", "nas-a", "tank")
	c := serve(t, control.Change, func(s *control.Server) {
		control.Handle(s, control.RouteTaskAdd, func(context.Context, control.AddTask) (control.TaskChange, error) {
			return control.TaskChange{}, want
		})
		control.Handle(s, control.RouteTask, func(context.Context, control.TaskRequest) (control.Task, error) {
			return control.Task{}, errors.New("disk on fire")
		})
	})
	_, err := c.AddTask(t.Context(), control.AddTask{})
	if diff := cmp.Diff(*want, wantCode(t, err, control.CodeNotGranted)); diff != "" {
		t.Error(diff)
	}
	_, err = c.Task(t.Context(), control.TaskRequest{Task: "x"})
	if e := wantCode(t, err, control.CodeInternal); e.Msg != "disk on fire." || e.Exit != 1 {
		t.Errorf("error is %+v", e)
	}
}

func TestStreamEndsWithItsError(t *testing.T) {
	c := serve(t, control.Read, func(s *control.Server) {
		control.HandleStream(s, control.RouteRunFollow,
			func(_ context.Context, r control.FollowRun, send func(control.Progress) error) error {
				for i := range int64(3) {
					if err := send(control.Progress{Task: r.Task, Run: r.Run, DoneBytes: i}); err != nil {
						return err
					}
				}
				return control.TaskDisabled(r.Task)
			})
	})
	var done []int64
	err := c.FollowRun(t.Context(), control.FollowRun{Task: "vm", Run: 88}, func(a control.Answer[control.Progress]) error {
		if a.Value.Task != "vm" || a.Value.Run != 88 {
			t.Errorf("progress is %+v", a.Value)
		}
		done = append(done, a.Value.DoneBytes)
		return nil
	})
	wantCode(t, err, control.CodeTaskDisabled)
	if diff := cmp.Diff([]int64{0, 1, 2}, done); diff != "" {
		t.Error(diff)
	}
}

func TestStreamEndsWhenTheClientGoes(t *testing.T) {
	ended := make(chan struct{})
	c := serve(t, control.Read, func(s *control.Server) {
		control.HandleStream(s, control.RouteRunFollow,
			func(ctx context.Context, _ control.FollowRun, send func(control.Progress) error) error {
				defer close(ended)
				if err := send(control.Progress{}); err != nil {
					return err
				}
				<-ctx.Done()
				return ctx.Err()
			})
	})
	enough := errors.New("enough")
	err := c.FollowRun(t.Context(), control.FollowRun{Task: "vm", Run: 1}, func(control.Answer[control.Progress]) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("error is %v", err)
	}
	<-ended
}

func TestStopEndsStreams(t *testing.T) {
	begun, result := make(chan struct{}, 1), make(chan error, 1)
	t.Run("server", func(t *testing.T) { // stops when this subtest ends
		c := serve(t, control.Read, func(s *control.Server) {
			control.HandleStream(s, control.RouteRunFollow,
				func(ctx context.Context, _ control.FollowRun, send func(control.Progress) error) error {
					if err := send(control.Progress{}); err != nil {
						return err
					}
					<-ctx.Done()
					return control.Errorf(control.CodeInterrupted, "the daemon stops.")
				})
		})
		go func() {
			result <- c.FollowRun(context.Background(), control.FollowRun{Task: "vm", Run: 1}, func(control.Answer[control.Progress]) error {
				begun <- struct{}{}
				return nil
			})
		}()
		<-begun
	})
	wantCode(t, <-result, control.CodeInterrupted)
}

func TestSilentDaemonTimesOut(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, l)
	_, err = control.NewClient(socket, 30*time.Millisecond).Version(t.Context())
	if e := wantCode(t, err, control.CodeTimeout); e.Msg != "the daemon did not answer within 30ms." || e.Exit != 124 {
		t.Errorf("error is %+v", e)
	}
}

func TestMissingDaemonIsNamed(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	_, err := control.NewClient(socket, time.Second).Version(t.Context())
	e := wantCode(t, err, control.CodeDaemonUnreachable)
	want := "cannot reach the daemon at " + socket + ": no such file. It does not appear to be running."
	if e.Msg != want || e.Exit != 3 {
		t.Errorf("message is %q, want %q", e.Msg, want)
	}
}

func TestForeignAnswerIsAnError(t *testing.T) {
	for _, answer := range []string{"<html>", "{}", `{"schema":2,"item":{}}`, `{"schema":1,"kind":"version"}`, `{"schema":1,"item":7}`} {
		t.Run(answer, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s.sock")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if _, err := io.WriteString(w, answer); err != nil {
					t.Error(err)
				}
			})}}
			srv.Start()
			defer srv.Close()
			_, err = control.NewClient(socket, time.Second).Version(t.Context())
			wantCode(t, err, control.CodeInternal)
		})
	}
}

// request sends a raw request to a server that knows `service` and `status`.
func request(t *testing.T, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	s := control.NewServer(control.Options{
		Appliance: func() string { return "nas-a" }, Log: slog.New(slog.DiscardHandler),
	})
	control.Handle(s, control.RouteService, func(context.Context, control.SetService) (control.ServiceChange, error) {
		return control.ServiceChange{}, nil
	})
	control.Handle(s, control.RouteTaskHistory, func(context.Context, control.TaskHistory) ([]control.Run, error) {
		return nil, nil
	})
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r.WithContext(control.WithAccess(r.Context(), control.Change)))
	return w
}

func TestRequestsAreReadStrictly(t *testing.T) {
	for _, c := range []struct {
		name, method, target, body string
		status                     int
	}{
		{"a change", "POST", "/v1/service", `{"on":true}`, 200},
		{"an empty body", "POST", "/v1/service", "", 200},
		{"an unknown field", "POST", "/v1/service", `{"on":true,"of":1}`, 400},
		{"two objects", "POST", "/v1/service", `{}{}`, 400},
		{"a list", "POST", "/v1/service", `[]`, 400},
		{"an endless body", "POST", "/v1/service", `{"on":` + strings.Repeat(" ", 2<<20) + `true}`, 400},
		{"another method", "PUT", "/v1/service", "", 404},
		{"another path", "GET", "/v2/status", "", 404},
		{"parameters", "GET", "/v1/tasks/vm/history?limit=5&failed=true&since_seconds=3600", "", 200},
		{"an unknown parameter", "GET", "/v1/tasks/vm/history?limits=5", "", 400},
		{"a number in words", "GET", "/v1/tasks/vm/history?limit=five", "", 400},
		{"a number too big", "GET", "/v1/tasks/vm/history?limit=9223372036854775808", "", 400},
		{"an endless name", "GET", "/v1/tasks/" + strings.Repeat("x", 5000) + "/history", "", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := request(t, c.method, c.target, c.body)
			if w.Code != c.status {
				t.Errorf("status is %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if w.Code != 200 && !strings.HasPrefix(w.Body.String(), `{"schema":1,"kind":"error","code":"`) {
				t.Errorf("body is %s", w.Body)
			}
		})
	}
}
