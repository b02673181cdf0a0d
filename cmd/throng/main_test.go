package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/throng-im/throng/internal/assert"
)

// TestMain lets the test's own binary be the program, so that tests of a process of its own need no build.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THRONG") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command runs the program in this process.
func command(t testing.TB, env []string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, &environment{ctx: t.Context(), out: &o, errOut: &e, in: strings.NewReader(""), env: env})
	return code, o.String(), e.String()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong.toml")
	assert.NoError(t, "write", os.WriteFile(wrong, []byte("[server]\nlissten = \":1\"\n"), 0o600))
	node := filepath.Join(dir, "node")
	assert.NoError(t, "a folder", os.Mkdir(node, 0o700))
	assert.NoError(t, "its mark", os.WriteFile(filepath.Join(node, "FORMAT"), []byte("{\"format\":1}\n"), 0o600))
	red := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "an operator drains the node", http.StatusServiceUnavailable)
	}))
	t.Cleanup(red.Close)
	for _, tc := range []struct {
		name     string
		args     []string
		code     int
		out, err string
	}{
		{"nothing", nil, 0, "Start the server.", ""},
		{"help of a command", []string{"serve", "--help"}, 0, "SIGTERM", ""},
		{"version", []string{"version"}, 0, "throng dev", ""},
		{"version flag", []string{"--version"}, 0, "throng dev", ""},
		{"unknown command", []string{"sevre"}, 2, "", "sevre"},
		{"version flag of a command", []string{"user", "add", "--version"}, 0, "throng dev", ""},
		{"unknown flag", []string{"serve", "--port", "1"}, 2, "", "unknown flag --port"},
		{"mistyped flag", []string{"serve", "--confi", "x"}, 2, "", `unknown flag --confi, did you mean "--config"?`},
		{"flag with one dash", []string{"serve", "-data", "x"}, 2, "", `unknown flag -data, did you mean "--data"?`},
		{"flag without its value", []string{"serve", "--listen"}, 2, "", "--listen needs a value: --listen ADDR"},
		{"empty path", []string{"config", "check", "--data="}, 2, "", "--data: it is empty"},
		{"no time", []string{"drain", "--over", "soon"}, 2, "", `"soon" is no time`},
		{"neither true nor false", []string{"drain", "--no-wait=maybe"}, 2, "", "--no-wait: it is true or false"},
		{"mistyped command", []string{"seve"}, 2, "", `unexpected argument seve, did you mean "serve"?`},
		{"mistyped command below another", []string{"user", "ad"}, 2, "", `unexpected argument ad, did you mean "add"?`},
		{"too much", []string{"check", "one", "two"}, 2, "", "unexpected argument two\nRun `throng check --help`"},
		{"too little", []string{"user", "add"}, 2, "", "NAME is missing: throng user add NAME [flags]"},
		{"half a command", []string{"user"}, 2, "", `expected one of "add", "list", "reset-password", "disable", "delete"`},
		{"restore from a file", []string{"restore", wrong}, 2, "", "wrong.toml is no folder"},
		{"help as a command", []string{"help", "user", "add"}, 0, "Usage: throng user add NAME [flags]", ""},
		{"help of nothing", []string{"help", "nope"}, 2, "", "unexpected argument nope\nRun `throng --help`"},
		{"help of the engine", []string{"help", "bench"}, 0, "throng bench SCENARIO", ""},
		{"help of a load", []string{"bench", "send", "--help"}, 0, "--senders USERS", ""},
		{"configuration", []string{"config", "check"}, 0, "is valid", ""},
		{"wrong configuration", []string{"config", "check", "--config", wrong}, 1, "", "did you mean listen?"},
		{"missing configuration", []string{"serve", "--config", filepath.Join(dir, "none")}, 1, "", "no such file"},
		{"printed configuration", []string{"config", "print", "--data", "/x"}, 0, `data = "/x"  # flag --data`, ""},
		{"reference", []string{"config", "doc"}, 0, "## [server]", ""},
		{"check of nothing", []string{"check", filepath.Join(dir, "none")}, 1, "", "there is no data folder"},
		{"users of nothing", []string{"user", "list", "--data", filepath.Join(dir, "none")}, 1, "", "there is no data folder"},
		{"restore of nothing", []string{"restore", dir}, 1, "", "is no complete backup"},
		{"import of nothing", []string{"import", filepath.Join(dir, "none")}, 1, "", "no such file"},
		{"a migration to nowhere", []string{"migrate", filepath.Join(dir, "none")}, 1, "", "say one of"},
		{"the secret of a node", []string{"migrate", node, "--secret"}, 1, "", "it is that of a cluster's node"},
		{"the secret of nothing", []string{"migrate", filepath.Join(dir, "none"), "--secret"}, 1, "", "there is no data folder"},
		{"a migration without a configuration", []string{"migrate", "--to", filepath.Join(dir, "none.toml")}, 1, "", "no such file"},
		{"slots of one server", []string{"slots", "list"}, 1, "", "that is the configuration of a single server"},
		{"slots of no number", []string{"slots", "move", "--from", "x"}, 2, "", `--from: "x" is no number`},
		{"help of numbers", []string{"slots", "move", "--help"}, 0, "--from N ", ""},
		{"help of a span", []string{"slots", "move", "--help"}, 0, "--slots SPAN ", ""},
		{"slots of nothing", []string{"slots", "move", "--config", filepath.Join(dir, "none.toml")}, 1, "", "no such file"},
		{"users of a folder without a database", []string{"user", "list", "--data", node}, 1, "", "name the node's configuration with --config"},
		{"an export of one", []string{"export", "--data", node, filepath.Join(dir, "x.jsonl")}, 1, "", "name the node's configuration with --config"},
		{"a backup of one", []string{"backup", "--data", node, filepath.Join(dir, "x")}, 1, "", "name the node's configuration with --config"},
		{"an account in one", []string{"user", "add", "anna", "--data", node}, 1, "", "name the node's configuration with --config"},
		{"help of a part", []string{"check", "--help"}, 0, "--only WHAT ", ""},
		{"a check of nothing", []string{"check", "--data", filepath.Join(dir, "none")}, 1, "", "or with --config the configuration of a cluster"},
		{"a check of one", []string{"check", node}, 1, "", "checked with: throng check --config FILE"},
		{"a check of something", []string{"check", "--only", "heads"}, 1, "", `"heads" is nothing that is looked at by itself`},
		{"a check of a part of a folder", []string{"check", node, "--only", "shelf"}, 1, "", "a folder is looked at as a whole"},
		{"a check without its configuration", []string{"check", "--config", filepath.Join(dir, "none.toml")}, 1, "", "no such file"},
		{"not ready", []string{"ready", red.URL}, 1, "", "answers 503 Service Unavailable: an operator drains the node"},
		{"pressure of nothing", []string{"pressure", "--data", filepath.Join(dir, "none")}, 1, "", "there is no data folder"},
		{"a trace of what", []string{"trace", "7"}, 2, "", `"7" is no conversation and seq, such as 7/123: it has no /`},
		{"a trace of no seq", []string{"trace", "7/x"}, 2, "", `"7/x" is no conversation and seq`},
		{"a trace of nothing", []string{"trace", "7/1", "--data", filepath.Join(dir, "none")}, 1, "", "there is no data folder"},
		{"a drain of nothing", []string{"drain", "--data", filepath.Join(dir, "none")}, 1, "", "there is no data folder"},
		{"a time to undo over", []string{"drain", "--undo", "--over", "1s"}, 1, "", "not both"},
		{"a time without a level", []string{"pressure", "--for", "1h"}, 1, "", "name a level"},
		{"nobody is ready", []string{"ready", "http://127.0.0.1:1"}, 1, "", "no server answers at http://127.0.0.1:1: dial tcp"},
		{"no address", []string{"ready", "chat.example"}, 1, "", "write it like http://"},
		{"unknown flag of bench", []string{"bench", "send", "--bogus"}, 2, "", "bogus"},
		{"no such load", []string{"bench", "sand"}, 2, "", `bench has no scenario "sand"`},
		{"bench of what", []string{"bench"}, 2, "", "bench needs to know what to do"},
		{"chat without a terminal", []string{"chat"}, 1, "", "needs a terminal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := command(t, nil, tc.args...)
			assert.Equal(t, "exit code", code, tc.code)
			if !strings.Contains(out, tc.out) || !strings.Contains(errOut, tc.err) {
				t.Errorf("out %q, err %q", out, errOut)
			}
		})
	}
}

// Every command has its help, and it is read on 80 columns without a line that the terminal breaks.
func TestHelpIsReadable(t *testing.T) {
	t.Parallel()
	var look func(cmd *cobra.Command, args ...string)
	look = func(cmd *cobra.Command, args ...string) {
		code, out, errOut := command(t, nil, append(args, "--help")...)
		assert.True(t, fmt.Sprintf("help of %q: %d %s%s", args, code, out, errOut), code == 0 && strings.HasPrefix(out, "Usage: throng"))
		_, same, _ := command(t, nil, append([]string{"help"}, args...)...)
		assert.Equal(t, fmt.Sprintf("throng help %q", args), same, out)
		for line := range strings.Lines(out) {
			assert.True(t, fmt.Sprintf("help of %q: %s", args, line), len(strings.TrimRight(line, "\n")) <= helpWidth)
		}
		for _, below := range cmd.Commands() {
			if !below.Hidden {
				look(below, append(slices.Clone(args), below.Name())...)
			}
		}
	}
	look(commands(&environment{}))
}

// A file is named by a flag, or else by the environment; names are made absolute, also those below the home folder.
func TestWhereTheConfigurationIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, data string) string {
		file := filepath.Join(dir, name)
		assert.NoError(t, "write", os.WriteFile(file, []byte("data = \""+data+"\"\n"), 0o600))
		return file
	}
	env := []string{"THRONG_CONFIG=" + write("env.toml", "/of/env")}
	home, err := os.UserHomeDir()
	assert.NoError(t, "home", err)
	here, err := filepath.Abs("x")
	assert.NoError(t, "here", err)
	for _, tc := range []struct {
		env, args []string
		want      string
	}{
		{nil, nil, "data"},
		{[]string{"THRONG_CONFIG="}, nil, "data"},
		{env, nil, "/of/env"},
		{env, []string{"--config", write("flag.toml", "/of/flag")}, "/of/flag"},
		{env, []string{"--data=~/x"}, filepath.Join(home, "x")},
		{env, []string{"--data", "x"}, here},
	} {
		code, out, errOut := command(t, tc.env, append([]string{"config", "print"}, tc.args...)...)
		line, _, _ := strings.Cut(out, "  #")
		assert.True(t, fmt.Sprint(tc.args, tc.env, errOut), code == 0)
		assert.Equal(t, fmt.Sprint(tc.args, tc.env), line, fmt.Sprintf("data = %q", tc.want))
	}
	code, _, errOut := command(t, []string{"THRONG_CONFIG=" + filepath.Join(dir, "none.toml")}, "slots", "list")
	assert.True(t, "slots look there: "+errOut, code == 1 && strings.Contains(errOut, "none.toml"))
}

// Waiting is the default of a drain, and the last word on it counts.
func TestFlagOfTheContrary(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]bool{
		"": true, "--no-wait": false, "--no-wait=false": true, "--wait=false": false, "--wait --no-wait": false, "--no-wait --wait": true,
	} {
		wait := true
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		waitFlags(f, &wait)
		assert.NoError(t, args, f.Parse(strings.Fields(args)))
		assert.Equal(t, args, wait, want)
	}
}

func TestOperatorsDay(t *testing.T) {
	t.Parallel()
	data, backup := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
	env := []string{"THRONG_DATA=" + data}
	must := func(want string, args ...string) string {
		t.Helper()
		code, out, errOut := command(t, env, args...)
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("throng %s: %d, %q, %q", strings.Join(args, " "), code, out, errOut)
		}
		return out
	}
	must("made the administrator anna (id 1)", "user", "add", "--admin", "anna")
	must("password: ", "user", "add", "ben")
	code, _, errOut := command(t, env, "user", "add", "ben")
	assert.True(t, "a name that is taken", code == 1 && strings.Contains(errOut, "exists already"))
	must("has a new password", "user", "reset-password", "ben")
	must("is disabled", "user", "disable", "ben")
	must("disabled", "user", "list")
	must("may sign in again", "user", "disable", "--undo", "ben")
	must("is deleted", "user", "delete", "--yes", "ben")
	code, _, errOut = command(t, env, "pressure")
	assert.True(t, "pressure of a folder: "+errOut, code == 1 && strings.Contains(errOut, "no server runs on this folder"))
	code, _, errOut = command(t, env, "user", "disable", "ben")
	assert.True(t, "who is gone: "+errOut, code == 1 && errOut != "")
	must("the backup is in", "backup", backup)
	env = []string{"THRONG_DATA=" + data + "2"}
	must("restored into", "restore", backup)
	must("anna", "user", "list")
	export := filepath.Join(t.TempDir(), "all.jsonl")
	must("exported into", "export", export)
	code, _, errOut = command(t, env, "export", export)
	assert.True(t, "an export goes over nothing", code == 1 && strings.Contains(errOut, "exists"))
	env = []string{"THRONG_DATA=" + data + "3"}
	code, _, errOut = command(t, env, "import", "main.go")
	assert.True(t, "what is no export: "+errOut, code == 1 && strings.Contains(errOut, "main.go is no export of Throng: line 1"))
	assert.True(t, "a new folder is named: "+errOut, strings.Contains(errOut, "made the data folder "+data+"3"))
	must("imported 2 users", "import", export)
	must("everything that a folder can show", "check", data+"3")
	must("everything that a folder can show", "check") // the one that the environment names
}

// process is the program in a process of its own.
type process struct {
	*exec.Cmd

	url string
	log *said
}

var clients = regexp.MustCompile(`clients\S*\s+(http://\S+)`)

func start(t testing.TB, data string, env ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(context.Background(), os.Args[0], "serve"), log: new(said)}
	p.Env = append(os.Environ(), "BE_THRONG=1", "THRONG_DATA="+data, "THRONG_SERVER_LISTEN=127.0.0.1:0", "THRONG_METRICS_LISTEN=127.0.0.1:0")
	p.Env = append(p.Env, env...)
	p.Stderr = p.log
	out, err := p.StdoutPipe()
	assert.NoError(t, "pipe", err)
	assert.NoError(t, "start", p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := clients.FindStringSubmatch(lines.Text()); m != nil {
			p.url = m[1]
			break
		}
	}
	if p.url == "" {
		_ = p.Wait()
		t.Fatalf("it did not start: %s", p.log)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return p
}

// end sends a signal and waits.
func (p *process) end(t testing.TB, signal os.Signal) (code int, took time.Duration) {
	t.Helper()
	begun := time.Now()
	assert.NoError(t, "signal", p.Process.Signal(signal))
	err := p.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode(), time.Since(begun)
}

func post(ctx context.Context, url, token string, req any) (map[string]any, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	if !strings.Contains(url, "AdminService") {
		r.Header.Set("Throng-User", "1")
	}
	var client http.Client
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	out := make(map[string]any)
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%d: %v", resp.StatusCode, out)
	}
	return out, nil
}

// What was acknowledged is there after a stop by SIGTERM in the midst of sends, and after a kill.
func TestStopsAndKillsLoseNothing(t *testing.T) {
	t.Parallel()
	const key = "a-server-key-for-the-tests-of-the-program"
	data := filepath.Join(t.TempDir(), "data")
	acked := 0
	for round, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL, os.Interrupt} {
		p := start(t, data, "THRONG_ACCOUNT_SERVER_KEYS="+key)
		if round == 0 {
			_, err := post(t.Context(), p.url+"/throng.v1.AdminService/CreateUsers", key, map[string]any{
				"users": []any{map[string]any{"externalId": "one"}, map[string]any{"externalId": "two"}},
			})
			assert.NoError(t, "users", err)
			_, err = post(t.Context(), p.url+"/throng.v1.ConversationService/CreateGroup", key, map[string]any{
				"clientId": "AAAAAAAAQACAAAAAAAAAAQ==", "name": "group", "members": []any{"2"},
			})
			assert.NoError(t, "group", err)
		}
		ended := make(chan int)
		began := make(chan struct{})
		go func() {
			n := 0
			for ; ; n++ {
				id := fmt.Sprintf("AAAAAAAAQACAA%c%c%c%cAAAAA==", 'A'+round, 'A'+n/676%26, 'A'+n/26%26, 'A'+n%26)
				_, err := post(context.Background(), p.url+"/throng.v1.MessageService/Send", key, map[string]any{
					"conversation": "1", "clientId": id, "text": "hello",
				})
				if err != nil {
					ended <- n
					return
				}
				if n == 20 {
					close(began)
				}
			}
		}()
		<-began
		code, took := p.end(t, signal)
		acked += <-ended
		if signal != syscall.SIGKILL {
			assert.Equal(t, "exit code, with "+p.log.String(), code, 0)
		}
		if took > 15*time.Second {
			t.Errorf("%s took %s", signal, took)
		}
	}
	code, out, errOut := command(t, nil, "check", data)
	if code != 0 {
		t.Fatalf("check: %s%s", out, errOut)
	}
	var entries int
	_, err := fmt.Sscan(strings.Split(out, "\n")[1], &entries)
	assert.NoError(t, "count", err)
	// Each stop may have cut off one answer.
	if entries < acked+1 || entries > acked+1+3 {
		t.Errorf("%d acknowledged, %d entries", acked, entries)
	}
}

// said is what a process has said so far.
type said struct {
	// guarded by mu
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// String returns it.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits for the log of a process to be as it is awaited.
func until(t *testing.T, log *said, is func(log string) bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !is(log.String()); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not in the log: %s", log.String())
		}
	}
}

func TestHangUpReloads(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "throng.toml")
	write := func(text string) { assert.NoError(t, "write", os.WriteFile(file, []byte(text), 0o600)) }
	write("[log]\nlevel = \"info\"\n")
	p := start(t, filepath.Join(t.TempDir(), "data"), "THRONG_CONFIG="+file)
	write("[log]\nlevel = \"debug\"\n[server]\nidle_timeout = \"9s\"\nallowed_origins = [\"https://a.example\"]\n")
	assert.NoError(t, "signal", p.Process.Signal(syscall.SIGHUP))
	deadline := time.Now().Add(10 * time.Second)
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/healthz", http.NoBody)
		assert.NoError(t, "request", err)
		r.Header.Set("Origin", "https://a.example")
		var client http.Client
		resp, err := client.Do(r)
		assert.NoError(t, "get", err)
		assert.NoError(t, "close", resp.Body.Close())
		log := p.log.String()
		if resp.StatusCode == http.StatusOK && strings.Contains(log, "setting=log.level") &&
			strings.Contains(log, "server.idle_timeout changed, which takes a restart") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the origins or the level were not reloaded, or it was not said: %d, %s", resp.StatusCode, log)
		}
	}
	assert.NoError(t, "signal", p.Process.Signal(syscall.SIGHUP)) // the level is as it was taken over; the restart is still owed
	until(t, p.log, func(log string) bool {
		return strings.Count(log, "server.idle_timeout changed, which takes a restart") == 2
	})
	assert.Equal(t, "told once: "+p.log.String(), strings.Count(p.log.String(), "setting=log.level"), 1)
	write("[log]\nlevel = \"info\"\n") // back to what it began with
	assert.NoError(t, "signal", p.Process.Signal(syscall.SIGHUP))
	until(t, p.log, func(log string) bool { return strings.Count(log, "setting=log.level") == 2 })
	code, _ := p.end(t, syscall.SIGTERM)
	assert.Equal(t, "exit code", code, 0)
}
