package bench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/throng-im/throng/bench"
	"github.com/throng-im/throng/bench/send"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
)

func TestMainCommand(t *testing.T) {
	t.Parallel()
	file, page := filepath.Join(t.TempDir(), "report.json"), filepath.Join(t.TempDir(), "report.html")
	var out, errOut bytes.Buffer
	args := strings.Fields("send --senders 2 --conversations 2 --duration 100ms --warmup -1ns --key k --url " +
		targettest.Serve(t, clienttest.New()) + " --json " + file + " --html " + page)
	if err := bench.Main(t.Context(), args, &out, &errOut); err != nil {
		t.Fatal(err, errOut.String())
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rep send.Report
	if err := json.Unmarshal(b, &rep); err != nil || rep.Acked == 0 || !strings.Contains(rep.Command, "--senders 2") {
		t.Errorf("report %s, %v", b, err)
	}
	if !strings.Contains(out.String(), "acknowledged") {
		t.Errorf("table %q", out.String())
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("<svg")) {
		t.Errorf("page %.200q, %v", b, err)
	}
	for _, bad := range [][]string{nil, {"receive"}, {"send", "--nonsense"}, {"send", "word"}, {"send", "--members", "1"}} {
		if err := bench.Main(t.Context(), bad, &out, &errOut); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// The help of each scenario names each of its flags, and is read on 80 columns.
func TestHelpIsReadable(t *testing.T) {
	t.Parallel()
	help := func(args ...string) string {
		var out, errOut bytes.Buffer
		if err := bench.Main(t.Context(), append(args, "--help"), &out, &errOut); err != nil || errOut.Len() > 0 {
			t.Errorf("%q: %v %s", args, err, errOut.String())
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > 81 {
				t.Errorf("help of %q: %s", args, line)
			}
		}
		return out.String()
	}
	scenarios := regexp.MustCompile(`(?m)^  ([a-z]+) `).FindAllStringSubmatch(help(), -1)
	if len(scenarios) < 8 {
		t.Errorf("%d scenarios", len(scenarios))
	}
	for _, s := range scenarios {
		page := help(s[1])
		for _, want := range []string{"Usage: throng bench " + s[1] + " [flags]\n", "  throng bench " + s[1], "\n  --url URL ", "\n  --json FILE "} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in %s", want, page)
			}
		}
	}
}
