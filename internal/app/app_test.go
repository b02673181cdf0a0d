package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// operatorKey is the server key of every server of these tests.
const operatorKey = "operator-key-of-the-tests-0123456789"

// settings are a small server on addresses of its own.
func settings(t testing.TB) *config.Config {
	t.Helper()
	c := config.Default()
	c.Data = filepath.Join(t.TempDir(), "data")
	c.Server.Listen, c.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Memory.Budget = 128 << 20
	c.Account.HashConcurrency = 1
	c.Account.ServerKeys = []account.Secret{operatorKey}
	c.Store.ReserveBytes = 1 << 20
	c.Pressure.Interval = 0 // the servers of this process would each take its memory for their own
	return c
}

// server is an app that runs.
type server struct {
	*app.App

	cfg   *config.Config
	stop  context.CancelFunc
	ended chan error
}

// begin starts one; the test's end stops it.
func begin(t testing.TB, c *config.Config) *server {
	t.Helper()
	a, err := app.New(t.Context(), c, app.Options{Version: "test", MetricsExplicit: true})
	assert.NoError(t, "new", err)
	return run(t, c, a)
}

// run serves until the test's end, or the server's.
func run(t testing.TB, c *config.Config, a *app.App) *server {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &server{App: a, cfg: c, stop: stop, ended: make(chan error, 1)}
	go func() { s.ended <- a.Run(ctx) }()
	<-a.Ready()
	t.Cleanup(func() { assert.NoError(t, "end", s.end()) })
	return s
}

// end stops it; it may be called twice.
func (s *server) end() error {
	s.stop()
	err := <-s.ended
	s.ended <- nil
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	assert.NoError(t, "request", err)
	resp, err := new(http.Client).Do(r)
	assert.NoError(t, "get "+url, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	assert.NoError(t, "read", err)
	return resp.StatusCode, string(text)
}

// call sends JSON to a procedure.
func call(t testing.TB, s *server, token, procedure string, req any) (int, map[string]any) {
	t.Helper()
	return callFrom(t, s, token, "", procedure, req)
}

// callFrom sends JSON to a procedure, with a trace context unless it is empty.
func callFrom(t testing.TB, s *server, token, traceparent, procedure string, req any) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(req)
	assert.NoError(t, "encode", err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/throng.v1."+procedure, bytes.NewReader(body))
	assert.NoError(t, "request", err)
	r.Header.Set("Content-Type", "application/json")
	if traceparent != "" {
		r.Header.Set("traceparent", traceparent)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := new(http.Client).Do(r)
	assert.NoError(t, "call "+procedure, err)
	defer func() { _ = resp.Body.Close() }()
	out := make(map[string]any)
	assert.NoError(t, "decode "+procedure, json.NewDecoder(resp.Body).Decode(&out))
	return resp.StatusCode, out
}

// signUp makes an account and returns its token and id.
func signUp(t testing.TB, s *server, handle, invitation string) (token, id string) {
	t.Helper()
	status, out := call(t, s, "", "AccountService/SignUp", map[string]any{
		"handle": handle, "password": "correct horse battery " + handle, "name": handle, "invitation": invitation,
		"device": map[string]any{"name": "test"},
	})
	if status != http.StatusOK {
		t.Fatalf("sign-up answered %d: %v", status, out)
	}
	tokens, _ := out["tokens"].(map[string]any)
	user, _ := out["user"].(map[string]any)
	return fmt.Sprint(tokens["accessToken"]), fmt.Sprint(user["id"])
}

func operator(t testing.TB, c *config.Config) *app.Operator {
	t.Helper()
	op, err := app.Connect(t.Context(), c, app.Options{Version: "test"}, false)
	assert.NoError(t, "connect", err)
	t.Cleanup(func() { assert.NoError(t, "disconnect", op.Close()) })
	return op
}

func TestEmptyFolderBecomesAServer(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	for _, path := range []string{"/healthz", "/readyz"} {
		status, _ := get(t, s.URL()+path)
		assert.Equal(t, path, status, http.StatusOK)
	}
	status, text := get(t, s.MetricsURL())
	assert.Equal(t, "metrics", status, http.StatusOK)
	assert.True(t, "metrics name the log", strings.Contains(text, "throng_message_appended_total"))
	if status, _ := get(t, s.URL()+"/metrics"); status == http.StatusOK {
		t.Error("metrics are on the listener for clients")
	}
	for _, name := range []string{"secrets/signing", "FORMAT", "lock", "admin.sock"} {
		info, err := os.Stat(filepath.Join(s.cfg.Data, name))
		assert.NoError(t, name, err)
		assert.Equal(t, "permissions of "+name, info.Mode().Perm(), 0o600)
	}
}

func TestBootstrapLinkMakesOneAdministrator(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.Account.SignUp = "closed"
	s := begin(t, c)
	link := s.BootstrapURL()
	_, token, ok := strings.Cut(link, "/#invitation=")
	assert.True(t, "the link "+link, ok)
	access, _ := signUp(t, s, "root", token)
	status, _ := call(t, s, access, "AdminService/ListUsers", map[string]any{})
	assert.Equal(t, "the administrator lists users", status, http.StatusOK)
	status, _ = call(t, s, "", "AccountService/SignUp", map[string]any{"handle": "second", "password": "correct horse battery", "invitation": token})
	assert.True(t, "a second use is refused", status >= 400)
	assert.NoError(t, "end", s.end())
	again := begin(t, c)
	assert.Equal(t, "the link after a restart", again.BootstrapURL(), "")
}

func TestSeveralServersInOneProcess(t *testing.T) {
	t.Parallel()
	one, two := begin(t, settings(t)), begin(t, settings(t))
	assert.True(t, "two addresses", one.URL() != two.URL())
	token, _ := signUp(t, one, "lin", "")
	status, _ := call(t, two, token, "AccountService/GetMe", map[string]any{})
	assert.Equal(t, "the other server's token", status, http.StatusUnauthorized)
}

func TestFolderIsForOneProcess(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	c := *s.cfg
	_, err := app.New(t.Context(), &c, app.Options{})
	var inUse *app.InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
	_, err = app.Check(t.Context(), c.Data, false, func(string) {})
	assert.True(t, "check of a folder in use", errors.As(err, &inUse))
}

func TestFoldersThatAreNotOurs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, file, content, want string }{
		{"newer", "FORMAT", `{"format":99}`, "use the newer program"},
		{"damaged", "FORMAT", `{"format":`, "is damaged"},
		{"foreign", "holiday.jpg", "", "is not a data folder of Throng"},
		{"backup", "BACKUP", "", "is not a data folder of Throng"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := settings(t)
			assert.NoError(t, "folder", os.MkdirAll(c.Data, 0o700))
			assert.NoError(t, "file", os.WriteFile(filepath.Join(c.Data, tc.file), []byte(tc.content), 0o600))
			_, err := app.New(t.Context(), c, app.Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			// Whatever it was, the lock is free again.
			f, err := app.OpenFolder(filepath.Join(t.TempDir(), "other"))
			assert.NoError(t, "another folder", err)
			assert.NoError(t, "close", f.Close())
		})
	}
}

func TestTakenAddressIsToldBeforeTheFolderIsTouched(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	c := settings(t)
	c.Server.Listen = strings.TrimPrefix(s.URL(), "http://")
	_, err := app.New(t.Context(), c, app.Options{})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(c.Data); err == nil {
		t.Error("it made the folder")
	}
}

func TestOriginsAreReloaded(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	ask := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/throng.v1.AccountService/SignIn", strings.NewReader("{}"))
		assert.NoError(t, "request", err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", "https://chat.example.com")
		resp, err := new(http.Client).Do(r)
		assert.NoError(t, "ask", err)
		assert.NoError(t, "close", resp.Body.Close())
		return resp.StatusCode
	}
	assert.Equal(t, "before", ask(), http.StatusForbidden)
	next := *s.cfg
	next.Server.AllowedOrigins = []string{"https://chat.example.com"}
	s.Reload(&next)
	assert.True(t, "after", ask() != http.StatusForbidden)
}

func TestOperatorReachesARunningServerAndAnOpenedFolder(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	op := operator(t, s.cfg)
	assert.True(t, "a server runs", op.Running())
	var made throngv1.CreateUsersResponse
	err := op.Call(t.Context(), "AdminService/CreateUsers", &throngv1.CreateUsersRequest{
		Users: []*throngv1.NewUser{{Handle: "anna", Password: "correct horse battery", Admin: true}},
	}, &made)
	assert.NoError(t, "create", err)
	assert.Equal(t, "created", made.GetCreated(), 1)
	err = op.Call(t.Context(), "AdminService/GetUser", &throngv1.GetUserRequest{By: &throngv1.GetUserRequest_Handle{Handle: "nobody"}}, &throngv1.GetUserResponse{})
	assert.True(t, "an error is a sentence", err != nil && !strings.Contains(err.Error(), "{"))
	assert.NoError(t, "end", s.end())

	offline := operator(t, s.cfg)
	assert.True(t, "no server runs", !offline.Running())
	var found throngv1.GetUserResponse
	err = offline.Call(t.Context(), "AdminService/GetUser", &throngv1.GetUserRequest{By: &throngv1.GetUserRequest_Handle{Handle: "anna"}}, &found)
	assert.NoError(t, "get", err)
	assert.Equal(t, "id", found.GetUser().GetId(), made.GetIds()[0])
}

func TestOperatorMakesNoFolderByAccident(t *testing.T) {
	t.Parallel()
	c := settings(t)
	_, err := app.Connect(t.Context(), c, app.Options{}, false)
	assert.True(t, "refused", err != nil)
	if _, err := os.Stat(c.Data); err == nil {
		t.Error("it made the folder")
	}
}

func TestLongPathsHaveASocketToo(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.Data = filepath.Join(t.TempDir(), strings.Repeat("long/", 30), "data")
	begin(t, c)
	assert.True(t, "reached", operator(t, c).Running())
}

func TestStopIsQuick(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	signUp(t, s, "lin", "")
	begun := time.Now()
	assert.NoError(t, "end", s.end())
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("an idle server took %s to stop", took)
	}
}
