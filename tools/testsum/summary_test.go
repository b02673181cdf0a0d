package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const start = `{"Action":"start","Package":"m/a"}
`

func TestSummary(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events string
		skips  string
		bad    bool
		says   []string
	}{
		"all pass": {
			start + `{"Action":"pass","Package":"m/a","Test":"TestX","Elapsed":0.1}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.2s\n"}
{"Action":"pass","Package":"m/a","Elapsed":0.2}`,
			"", false,
			[]string{"ok  \tm/a", "1 passed, 0 failed, 0 skipped"},
		},
		"one fails": {
			start + `{"Action":"output","Package":"m/a","Test":"TestX","Output":"    x_test.go:3: wrong\n"}
{"Action":"fail","Package":"m/a","Test":"TestX","Elapsed":0.1}
{"Action":"fail","Package":"m/a","Elapsed":0.2}`,
			"", true,
			[]string{"wrong", "failed  m/a TestX\n    x_test.go:3: wrong\n0 passed, 1 failed"},
		},
		"one fails, and logs follow": {
			start + `{"Action":"output","Package":"m/a","Test":"TestX","Output":"    x_test.go:3: wrong\n"}
{"Action":"output","Package":"m/a","Test":"TestX","Output":"    x_test.go:9: the server said:\n"}
{"Action":"output","Package":"m/a","Test":"TestX","Output":"        a long log\n"}
{"Action":"fail","Package":"m/a","Test":"TestX","Elapsed":0.1}
{"Action":"fail","Package":"m/a","Elapsed":0.2}`,
			"", true,
			[]string{"a long log", "failed  m/a TestX\n    x_test.go:3: wrong\n    x_test.go:9: the server said:\n0 passed, 1 failed"},
		},
		"does not build": {
			`{"ImportPath":"m/a","Action":"build-output","Output":"a.go:1: syntax\n"}
{"Action":"fail","Package":"m/a","Elapsed":0}`,
			"", true,
			[]string{"a.go:1: syntax", "m/a did not build", "0 passed, 1 failed"},
		},
		"dies in a test": {
			start + `{"Action":"output","Package":"m/a","Test":"TestX","Output":"panic: boom\n"}
{"Action":"fail","Package":"m/a","Elapsed":0.2}`,
			"", true,
			[]string{"panic: boom", "1 failed"},
		},
		"skipped without leave": {
			start + `{"Action":"output","Package":"m/a","Test":"TestX","Output":"    x_test.go:3: no root\n"}
{"Action":"skip","Package":"m/a","Test":"TestX","Elapsed":0}
{"Action":"pass","Package":"m/a","Test":"TestY","Elapsed":0}`,
			"b.* other", true,
			[]string{"SKIPPED", "no root", "1 passed, 0 failed, 1 skipped"},
		},
		"skipped with leave": {
			start + `{"Action":"skip","Package":"m/a","Test":"TestX","Elapsed":0}
{"Action":"pass","Package":"m/a","Test":"TestY","Elapsed":0}`,
			"a.TestX needs root", false,
			[]string{"skipped  m/a TestX", "needs root"},
		},
		"nothing ran": {`{"Action":"skip","Package":"m/a","Elapsed":0}`, "", true, []string{"no test ran"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "skips")
			if err := os.WriteFile(file, []byte(c.skips), 0o600); err != nil {
				t.Fatal(err)
			}
			allowed, err := readSkips(file)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			out := bufio.NewWriter(&text)
			s := newSummary(out, false)
			if err := s.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			if bad := s.close(allowed, 3); bad != c.bad {
				t.Errorf("bad is %v, want %v", bad, c.bad)
			}
			if err := out.Flush(); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.says {
				if !strings.Contains(text.String(), want) {
					t.Errorf("does not say %q:\n%s", want, text.String())
				}
			}
		})
	}
}

func TestASkipNeedsAReason(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "skips")
	if err := os.WriteFile(file, []byte("a.TestX\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSkips(file); err == nil {
		t.Error("a line without a reason is taken")
	}
}
