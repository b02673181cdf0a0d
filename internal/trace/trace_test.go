package trace_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/trace"
)

// kept is an exporter that keeps what it is given.
type kept struct {
	mu    sync.Mutex
	ids   []trace.ID
	steps []trace.Step
}

func (k *kept) Export(id trace.ID, s trace.Step) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids, k.steps = append(k.ids, id), append(k.steps, s)
}

// with is the default configuration with a collector and a ratio.
func with(ratio float64, users ...string) trace.Config {
	c := trace.Default()
	c.Endpoint, c.Ratio, c.Users = "http://127.0.0.1:4318", ratio, users
	return c
}

// TestNodesAgree: two nodes of one deployment give an entry the same trace and decide alike; those of another deployment do not.
func TestNodesAgree(t *testing.T) {
	t.Parallel()
	a, b := trace.New(with(0.25), trace.Deps{Salt: 7, Exporter: &kept{}}), trace.New(with(0.25), trace.Deps{Salt: 7, Exporter: &kept{}})
	more := trace.New(with(0.5), trace.Deps{Salt: 7, Exporter: &kept{}})
	other := trace.New(with(0.25), trace.Deps{Salt: 8, Exporter: &kept{}})
	seen := map[trace.ID]bool{}
	sampled := 0
	for conversation := uint64(1); conversation <= 100; conversation++ {
		for seq := uint64(1); seq <= 200; seq++ {
			id := a.ID(conversation, seq)
			assert.True(t, "a trace of its own", !seen[id] && id != (trace.ID{}) && id.Root() != [8]byte{})
			seen[id] = true
			assert.Equal(t, "the other node's", b.ID(conversation, seq), id)
			assert.True(t, "another deployment's", other.ID(conversation, seq) != id)
			yes := a.Sampled(conversation, seq, 1)
			assert.Equal(t, "the other node decides", b.Sampled(conversation, seq, 1), yes)
			if yes {
				sampled++
				assert.True(t, "a higher ratio has it too", more.Sampled(conversation, seq, 1))
			}
		}
	}
	assert.True(t, fmt.Sprintf("%d of 20000 are about a quarter", sampled), math.Abs(float64(sampled)-5000) < 300)
}

func TestRatio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ratio float64
		users []string
		user  uint64
		want  int
	}{{0, nil, 5, 0}, {1, nil, 5, 1000}, {0, []string{"5"}, 5, 1000}, {0, []string{"5"}, 6, 0}} {
		k := &kept{}
		tr := trace.New(with(c.ratio, c.users...), trace.Deps{Salt: 1, Exporter: k})
		for seq := range uint64(1000) {
			tr.Add(trace.Step{Kind: trace.Append, Conversation: 3, Seq: seq + 1, User: c.user})
		}
		assert.Equal(t, fmt.Sprintf("exported at %+v", c), len(k.steps), c.want)
	}
}

// TestRing: the latest steps are found in their order, older ones are forgotten, and it keeps to its bound.
func TestRing(t *testing.T) {
	t.Parallel()
	cfg := trace.Default()
	cfg.RecentBytes = 1 << 20
	tr := trace.New(cfg, trace.Deps{})
	assert.True(t, "it remembers", tr.Remembers())
	const entries = 2_000 // of one conversation: more than its stripe has room for
	for seq := uint64(1); seq <= entries; seq++ {
		for _, k := range []trace.Kind{trace.Append, trace.Fanout} {
			tr.Add(trace.Step{Kind: k, Conversation: 9, Seq: seq})
		}
		if seq == entries-1 {
			tr.Add(trace.Step{Kind: trace.Pull, Conversation: 9, Seq: entries - 10, Until: entries - 1})
		}
	}
	got := tr.Find(9, entries-1)
	assert.Equal(t, "steps", len(got), 3)
	assert.Equal(t, "in order", []trace.Kind{got[0].Kind, got[1].Kind, got[2].Kind}, []trace.Kind{trace.Append, trace.Fanout, trace.Pull})
	assert.Equal(t, "of one that was not in the page", len(tr.Find(9, entries)), 2)
	assert.Equal(t, "of the first", len(tr.Find(9, 1)), 0)
	assert.Equal(t, "of another conversation", len(tr.Find(8, entries)), 0)
	found := 0
	for seq := uint64(1); seq <= entries; seq++ {
		found += len(tr.Find(9, seq))
	}
	assert.True(t, fmt.Sprintf("%d steps are no more than the bound", found), found > 400 && found <= 1<<20/16/trace.StepBytes+10)
}

func TestStepBytes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "what the settings say of a step", unsafe.Sizeof(trace.Step{}), uintptr(trace.StepBytes))
}

// TestOff: nothing is made where nothing is asked for, and nothing is answered.
func TestOff(t *testing.T) {
	t.Parallel()
	cfg := trace.Default()
	cfg.RecentBytes = 0
	tr := trace.New(cfg, trace.Deps{Exporter: &kept{}})
	assert.True(t, "it is off", tr == nil && !tr.On() && !tr.Remembers() && !tr.Sampled(1, 1, 1))
	tr.Add(trace.Step{Kind: trace.Append, Conversation: 1, Seq: 1})
	assert.Equal(t, "steps", len(tr.Find(1, 1)), 0)
	assert.Equal(t, "its traces", tr.ID(1, 1), trace.ID{})
}

func TestAddAllocatesNothing(t *testing.T) { // by itself: allocations of others count
	on := trace.New(with(0), trace.Deps{Salt: 1, Exporter: &kept{}})
	for name, tr := range map[string]*trace.Tracer{"off": nil, "on": on} {
		add := func() {
			tr.Add(trace.Step{Kind: trace.Append, Conversation: 1, Seq: 1, User: 1, Caller: "x"})
		}
		for range 1 << 16 { // the ring has grown
			add()
		}
		assert.Equal(t, "allocations while "+name, testing.AllocsPerRun(100, add), 0.0)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	assert.NoError(t, "the default", trace.Default().Validate())
	for name, change := range map[string]func(c *trace.Config){
		"endpoint: \"collector\" is no address": func(c *trace.Config) { c.Endpoint = "collector" },
		"ratio: 2 is not":                       func(c *trace.Config) { c.Ratio = 2 },
		"ratio: NaN is not":                     func(c *trace.Config) { c.Ratio = math.NaN() },
		"endpoint: name a collector":            func(c *trace.Config) { c.Endpoint, c.Ratio = "", 0.1 },
		"users: \"joe\" is no id":               func(c *trace.Config) { c.Users = []string{"joe"} },
		"service: ":                             func(c *trace.Config) { c.Service = "" },
		"recent_bytes: ":                        func(c *trace.Config) { c.RecentBytes = 1 },
		"timeout: ":                             func(c *trace.Config) { c.Timeout = time.Hour },
	} {
		c := with(0)
		change(&c)
		err := c.Validate()
		assert.True(t, fmt.Sprintf("%q says %s", err, name), err != nil && strings.Contains(err.Error(), name))
	}
}

func TestParseCaller(t *testing.T) {
	t.Parallel()
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	id, span, ok := trace.ParseCaller(good)
	assert.True(t, "it is one", ok)
	assert.Equal(t, "trace", id.String(), "4bf92f3577b34da6a3ce929d0e0e4736")
	assert.Equal(t, "span", fmt.Sprintf("%x", span), "00f067aa0ba902b7")
	for _, bad := range []string{
		"", "00", good + "-x", "01" + good[2:], "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736+00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bx-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
	} {
		_, _, ok := trace.ParseCaller(bad)
		assert.True(t, "none: "+bad, !ok)
	}
}

func BenchmarkAdd(b *testing.B) {
	recent := trace.Default()
	for _, c := range []struct {
		name   string
		tracer *trace.Tracer
	}{
		{"off", nil},
		{"recent", trace.New(recent, trace.Deps{})},
		{"unsampled", trace.New(with(0), trace.Deps{Salt: 1, Exporter: &kept{}})},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				c.tracer.Add(trace.Step{Kind: trace.Append, Conversation: uint64(i), Seq: 1, User: 1})
			}
		})
	}
}
