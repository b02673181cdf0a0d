package send

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/text"
)

// preload fills the folder before the server starts, with throng import: it puts every message through the append path.
// The messages lie in direct conversations of the plan's users; where the plan is of direct conversations, in those.
func preload(ctx context.Context, r *run, s *target.Server) error {
	if r.cfg.Preload == 0 {
		return nil
	}
	cmd, said := s.Command(ctx, "import", "--data", s.Data(), "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	a := archive{w: bufio.NewWriterSize(in, 1<<20), r: r}
	werr := errors.Join(a.write(), a.w.Flush(), in.Close())
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("preload: %w\n%s", err, said)
	}
	return werr
}

// archive writes the format of throng export.
type archive struct {
	w     *bufio.Writer
	r     *run
	lines int
	err   error
}

func (a *archive) line(v map[string]any) {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = a.w.Write(append(b, '\n'))
	}
	a.err = errors.Join(a.err, err)
}

func (a *archive) write() error {
	cfg := a.r.cfg
	pairs := min(cfg.Conversations, a.r.plan.users/2)
	a.line(map[string]any{"type": "throng", "version": 1, "origin": "bench", "created_ms": time.Now().UnixMilli()})
	for u := range 2 * pairs {
		a.line(map[string]any{"type": "user", "id": u + 1, "external_id": target.ExternalID(u), "name": target.ExternalID(u)})
	}
	rng := rand.New(rand.NewPCG(uint64(cfg.Preload), text.Seed)) //nolint:gosec // repeatable on purpose
	now := time.Now().Add(-time.Hour).UnixMilli()
	for g := range pairs {
		one, two := 2*g+1, 2*g+2
		a.line(map[string]any{
			"type": "conversation", "id": g + 1, "kind": "direct", "pair": []int{one, two}, "created_ms": now,
		})
		a.line(map[string]any{
			"type": "entry", "conversation": g + 1, "seq": 1, "ordinal": 0, "time_ms": now,
			"body": map[string]any{"created": map[string]any{"kind": "direct", "members": []int{one, two}}},
		})
		n := cfg.Preload/pairs + btoi(g < cfg.Preload%pairs)
		for k := range n {
			// By hand: ten million lines through a map would take longer than their import.
			_, err := fmt.Fprintf(a.w, `{"type":"entry","conversation":%d,"seq":%d,"ordinal":%d,"sender":%d,"time_ms":%d,`+
				`"client_id":"%08x-%04x-4000-8000-%012x","body":{"text":"%s"}}`+"\n",
				g+1, k+2, k+1, one+k%2, now, rng.Uint32(), rng.Uint32()>>16, rng.Uint64()>>16, a.r.prose.Cut(cfg.Size, rng.Uint64()))
			if err != nil {
				return err
			}
			if a.lines++; a.lines%10_000 == 0 {
				a.r.tell(live.Progress{Phase: "preload", Done: a.lines, Total: cfg.Preload})
			}
		}
	}
	a.line(map[string]any{"type": "end", "users": 2 * pairs, "conversations": pairs, "entries": cfg.Preload + pairs})
	return a.err
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
