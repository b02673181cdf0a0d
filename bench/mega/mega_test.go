//go:build linux

package mega_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/mega"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
)

func TestMega(t *testing.T) {
	t.Parallel()
	rep, err := mega.Run(t.Context(), mega.Config{
		Members: 60, Online: 40, Writers: 20, Absent: 10, Size: 64, Duration: 300 * time.Millisecond,
		Target: target.Options{URL: targettest.Serve(t, clienttest.New()), Key: "key"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sentence, good := rep.Verdict(); !good {
		t.Error(sentence)
	}
	if rep.Counted != 60 || rep.Read != 10 || rep.Unlike != 0 || rep.Deliveries == 0 || rep.Online != 40 || rep.Took <= 0 ||
		!strings.HasPrefix(rep.Title(), "mega") || len(rep.Rows()) < 6 {
		t.Errorf("report %+v", rep)
	}
	rep.Unlike = 1
	if _, good := rep.Verdict(); good {
		t.Error("members who read something else are passed over")
	}
	rep.Unlike, rep.Counted = 0, 59
	if _, good := rep.Verdict(); good {
		t.Error("a member too few is passed over")
	}
}
