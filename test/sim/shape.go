package sim

import (
	"math/rand/v2"
	"time"

	"github.com/throng-im/throng/internal/config"
)

// shape is how the server of a world is set up. The promises are the same for all settings, so each world draws its own.
type shape struct {
	small, medium   uint32 // tiers
	loops, workers  int
	shards, batch   int
	outbound        int
	buffer          int // of the network, per direction
	marks, part     int
	recent, digests int
	heartbeat, hold time.Duration
	collect         time.Duration
	access          time.Duration
}

func drawShape(rng *rand.Rand) shape {
	tiers := pick(rng, [2]uint32{100, 10_000}, [2]uint32{4, 10_000}, [2]uint32{2, 4}, [2]uint32{3, 5})
	return shape{
		small: tiers[0], medium: tiers[1],
		loops: pick(rng, 1, 2, 3), workers: pick(rng, 64, 2, 1),
		shards: pick(rng, 1, 1, 2, 8), batch: pick(rng, 1024, 1, 3),
		outbound: pick(rng, 512<<10, 2_000, 300), buffer: pick(rng, 64<<10, 2_000),
		marks: pick(rng, 1<<17, 1, 8), part: pick(rng, 1024, 1, 8),
		heartbeat: pick(rng, 30*time.Second, 10*time.Second), hold: pick(rng, 2*time.Millisecond, 0, 50*time.Millisecond),
		collect: pick(rng, 0, 0, 5*time.Millisecond),
		access:  pick(rng, 15*time.Minute, time.Minute),
	}
}

// drawMemory draws how much the server remembers of large conversations.
func (s *shape) drawMemory(rng *rand.Rand) {
	s.recent, s.digests = pick(rng, 32<<20, 4_000, 0), pick(rng, 1<<19, 1)
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func (s shape) apply(c *config.Config) {
	c.Tiers.SmallMembers, c.Tiers.MediumMembers = s.small, s.medium
	c.Gateway.Loops, c.Gateway.Workers = s.loops, s.workers
	c.Gateway.Outbound, c.Gateway.Heartbeat, c.Gateway.Hold = s.outbound, s.heartbeat, s.hold
	c.Message.Shards, c.Message.BatchDrafts, c.Message.Collect = s.shards, s.batch, s.collect
	c.Message.RecentBytes, c.Timeline.Digests = s.recent, s.digests
	c.Timeline.Marks, c.Timeline.Part = s.marks, s.part
	c.Account.AccessTokenTTL = s.access
	c.Account.MaxDevices = 1_000 // whoever restarts often is to lose no device
}
