package bench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
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
