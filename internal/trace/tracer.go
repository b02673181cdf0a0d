package trace

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
)

// Exporter takes steps of sampled entries. It may be called from any goroutine and must not block.
type Exporter interface {
	Export(id ID, s Step)
}

// ID is the trace of an entry, as OpenTelemetry names it.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Root is the span under which all others of the trace hang: the append's.
func (id ID) Root() (span [8]byte) {
	binary.BigEndian.PutUint64(span[:], mix(binary.BigEndian.Uint64(id[:8])^rootSpan)|1)
	return span
}

// rootSpan tells the root span's id from halves of the trace's.
const rootSpan = 0x746872_6f6e67_2e31

// Deps are what a tracer needs from others.
type Deps struct {
	// Salt tells deployments apart: a number that all nodes of one have and no other deployment has.
	Salt uint64
	// Exporter takes what is sampled; nil takes nothing.
	Exporter Exporter
}

// Tracer notes steps. All methods may be called from any goroutine, and of a nil Tracer too: it is off.
type Tracer struct {
	// immutable after construction
	salt     uint64
	bound    uint64 // traces whose random part is at least that are sampled
	users    map[uint64]struct{}
	exporter Exporter
	stripes  [stripes]*stripe
	pulls    [stripes]*stripe // apart: many read the same page, and must not push out where it came from
}

// New makes a tracer; nil where the configuration, which must be valid, asks for nothing.
func New(cfg Config, deps Deps) *Tracer {
	t := &Tracer{salt: mix(deps.Salt), bound: boundOf(cfg.Ratio), users: cfg.userSet(), exporter: deps.Exporter}
	if cfg.Endpoint == "" {
		t.exporter = nil
	}
	if t.exporter == nil && cfg.RecentBytes == 0 {
		return nil
	}
	for i := range t.stripes {
		t.pulls[i] = newStripe(cfg.RecentBytes / pullShare / stripes / StepBytes)
		t.stripes[i] = newStripe((cfg.RecentBytes - cfg.RecentBytes/pullShare) / stripes / StepBytes)
	}
	return t
}

// On reports that steps are noted. Callers ask before they do anything for a step, such as looking at the clock.
func (t *Tracer) On() bool { return t != nil }

// Add notes a step.
func (t *Tracer) Add(s Step) {
	if t == nil {
		return
	}
	at := spread(s.Conversation) % stripes
	if s.Kind == Pull {
		t.pulls[at].add(&s)
		return // of a page, not of one entry
	}
	t.stripes[at].add(&s)
	if t.exporter == nil {
		return
	}
	id := t.ID(s.Conversation, s.Seq)
	if t.sampled(id, s.User) {
		t.exporter.Export(id, s)
	}
}

// Find returns the steps that are remembered of an entry, the oldest first, and pages with it behind them.
func (t *Tracer) Find(conversation, seq uint64) []Step {
	if t == nil {
		return nil
	}
	at := spread(conversation) % stripes
	return append(t.stripes[at].find(conversation, seq), t.pulls[at].find(conversation, seq)...)
}

// Remembers reports that steps are remembered at all.
func (t *Tracer) Remembers() bool { return t != nil && t.stripes[0].most > 0 }

// Sampled reports that the steps of an entry are exported.
func (t *Tracer) Sampled(conversation, seq, sender uint64) bool {
	return t != nil && t.exporter != nil && t.sampled(t.ID(conversation, seq), sender)
}

func (t *Tracer) sampled(id ID, sender uint64) bool {
	if len(t.users) > 0 {
		if _, ok := t.users[sender]; ok {
			return true
		}
	}
	return binary.BigEndian.Uint64(id[8:])&randomMask >= t.bound
}

// ID returns the trace of an entry: the same on all nodes of a deployment. A nil tracer knows none.
func (t *Tracer) ID(conversation, seq uint64) (id ID) {
	if t == nil {
		return id
	}
	h := mix(t.salt ^ conversation)
	binary.BigEndian.PutUint64(id[:8], mix(h+seq)|1) // never all zeros, which names no trace
	binary.BigEndian.PutUint64(id[8:], mix(h^bits.RotateLeft64(seq, 32)^t.salt))
	return id
}

// The last 56 bits of a trace's id are its random part, by the W3C's recommendation for trace contexts, level 2. Collectors that sample
// by the same bits keep whole traces, and nodes with a higher ratio sample all that nodes with a lower one do.
const (
	randomBits = 56
	randomMask = 1<<randomBits - 1
)

// boundOf is the least random part that is sampled at a ratio.
func boundOf(ratio float64) uint64 {
	return uint64(math.Round((1 - ratio) * (1 << randomBits)))
}

// mix spreads a number over 64 bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// spread gives neighbouring conversations different stripes.
func spread(conversation uint64) uint64 { return conversation * 0x9E3779B97F4A7C15 >> 32 }
