package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// I19: a server whose disk refuses to make something durable ends, and says what is safe and what to do.
func TestLastWordsOfAFailedStorage(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	code := storageFailed(&out, fmt.Errorf("syncing: %w", syscall.EIO))
	assert.True(t, "an exit code that a supervisor sees", code != 0)
	for _, words := range []string{"throng: the storage failed", syscall.EIO.Error(), "What was acknowledged is safe.", "start the server again"} {
		assert.True(t, words, strings.Contains(out.String(), words))
	}
}

// The command of the banner works where it is pasted.
func TestHowTheProgramIsCalled(t *testing.T) {
	t.Parallel()
	for arg0, want := range map[string]string{
		"throng":                               "throng",
		"./dist/throng":                        "./dist/throng",
		"/usr/bin/throng":                      "/usr/bin/throng",
		"/opt/my chat/throng":                  `"/opt/my chat/throng"`,
		"/tmp/go-build1234567/b001/exe/throng": "go run ./cmd/throng",
		"/home/ada/.cache/go-build/4c/4cd7-d/throng": "go run ./cmd/throng",
	} {
		assert.Equal(t, arg0, program(arg0), want)
	}
}

// A running server shows what it leaves out, and holds what it is told to.
func TestPressureOfARunningServer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "level   0 calm\n"},
		{[]string{"content_as_hints", "--for", "2h"}, "level   4 content_as_hints\n"},
		{nil, "held    by an operator, until "},
		{[]string{"3"}, "level   3 receipts_off\n"},
		{[]string{"--release"}, "level   0 calm\n"},
	} {
		code, out, errOut := command(t, nil, append([]string{"pressure", "--data", data}, tc.args...)...)
		assert.True(t, strings.Join(tc.args, " ")+": "+out+errOut, code == 0 && strings.Contains(out, tc.want))
	}
	code, _, errOut := command(t, nil, "pressure", "--data", data, "7")
	assert.True(t, "no such level: "+errOut, code == 1 && strings.Contains(errOut, `"7" is no level`))
	code, _ = p.end(t, os.Interrupt)
	assert.Equal(t, "exit code", code, 0)
}

// A server is asked where a message went, and the folder where none runs.
func TestTraceOfAMessage(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	for range 2 {
		code, _, errOut := command(t, nil, "trace", "7/1", "--data", data)
		assert.True(t, "no such conversation: "+errOut, code == 1 && strings.Contains(errOut, "there is no conversation 7"))
		if p != nil {
			code, _ = p.end(t, os.Interrupt)
			assert.Equal(t, "exit code", code, 0)
			p = nil
		}
	}
}

// A running server is emptied and taken back.
func TestDrainOfARunningServer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	for _, tc := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"--over", "1s"}, "the server is empty\n", 0},
		{[]string{"--no-wait"}, "the server is empty\n", 0},
		{[]string{"--undo"}, "the server takes clients again\n", 0},
		{[]string{"--over", "2h"}, "a drain takes up to 1h0m0s, and not 2h0m0s", 1},
		{[]string{"--over", "-5s"}, "and not -5s", 1},
	} {
		code, out, errOut := command(t, nil, append([]string{"drain", "--data", data}, tc.args...)...)
		assert.True(t, strings.Join(tc.args, " ")+": "+out+errOut, code == tc.code && strings.Contains(out+errOut, tc.want))
	}
	code, _ := p.end(t, os.Interrupt)
	assert.Equal(t, "exit code", code, 0)
}
