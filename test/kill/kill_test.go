package kill_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/test/process"
)

const cyclesOfChapter = 25

// TestKill is T2: the real binary under 32 clients is killed 20 to 500 ms after it was ready, or while it starts, and
// started again on the same folder. I1, I2, I3, I4, I4b, I5, I14, I15, I16.
func TestKill(t *testing.T) {
	kills, acks := 100, int64(50_000)
	switch {
	case *cycles != 0:
		kills, acks = *cycles, int64(*cycles)*100
	case testing.Short():
		kills, acks = 20, 2_000
	case os.Getenv("RELIABILITY") == "nightly":
		kills, acks = 5_000, 2_500_000
	}
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d; run again with: go test ./test/kill -run TestKill -kill.seed=%d -kill.cycles=%d", from, from, kills)
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &run{server: process.New(binary, filepath.Join(t.TempDir(), "data")), rng: rand.New(rand.NewPCG(from, 0))}
	begun := time.Now()
	for n := 0; r.kills < kills; n++ {
		if err := r.chapter(t.Context(), n, from, min(cyclesOfChapter, kills-r.kills)); err != nil {
			t.Fatalf("chapter %d, after %d kills: %v\nserver:\n%s", n, r.kills, err, r.server.Said())
		}
	}
	if out, err := r.server.Run(t.Context(), "check", r.server.Folder()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d kills, %d of them during a start; %d acknowledged, %d of these sent again, %d answered as repeats; "+
		"starts took %s at most, %s on average; %s in all, of which judging %s",
		r.kills, r.early, r.acked, r.retried, r.repeats, r.slowest.Round(time.Millisecond),
		(r.starting / time.Duration(max(1, r.starts))).Round(time.Millisecond), time.Since(begun).Round(time.Millisecond), r.judging.Round(time.Millisecond))
	if r.acked < acks || r.kills < kills || r.retried == 0 || r.repeats == 0 {
		t.Errorf("too little happened: %d acknowledgements are wanted, and some sent again and answered as repeats", acks)
	}
	if said := r.server.Said(); strings.Contains(said, "panic") {
		t.Errorf("the server said:\n%s", said)
	}
}

// run counts what happened.
type run struct {
	server                  *process.Server
	rng                     *rand.Rand
	kills, early, starts    int
	acked, retried, repeats int64
	slowest, starting       time.Duration
	judging                 time.Duration
}

// chapter lives through some kills and judges. The server ends killed.
func (r *run) chapter(ctx context.Context, number int, seed uint64, kills int) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	c, err := open(ctx, r.server, number, seed)
	if err != nil {
		return err
	}
	defer func() { _ = c.close() }()
	for range kills {
		pause := time.Duration(20+r.rng.IntN(481)) * time.Millisecond
		if err := wait(c.ctx, pause); err != nil {
			return err
		}
		if err := r.kill(); err != nil {
			return err
		}
		for r.rng.IntN(10) == 0 { // once more, before it is ready
			if err := r.killEarly(c.ctx, time.Duration(r.rng.IntN(40))*time.Millisecond); err != nil {
				return err
			}
		}
		if err := r.start(c.ctx); err != nil {
			return err
		}
	}
	if err := c.drain(); err != nil {
		return err
	}
	begun := time.Now()
	if err := c.judge(ctx); err != nil {
		return err
	}
	r.judging += time.Since(begun)
	r.acked += c.acked.Load()
	r.retried += c.retried.Load()
	r.repeats += c.repeats.Load()
	return r.server.Kill()
}

func (r *run) start(ctx context.Context) error {
	took, err := r.server.Start(ctx)
	r.starts++
	r.slowest = max(r.slowest, took)
	r.starting += took
	return err
}

func (r *run) kill() error {
	r.kills++
	return r.server.Kill()
}

func (r *run) killEarly(ctx context.Context, after time.Duration) error {
	if _, err := r.server.Launch(ctx); err != nil {
		return err
	}
	if err := wait(ctx, after); err != nil {
		return err
	}
	r.early++
	return r.kill()
}

// wait lets time pass: how long a server lives is drawn, not hoped for.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
