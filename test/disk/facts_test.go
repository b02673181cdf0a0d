package disk_test

import (
	"maps"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// pair is a user in a conversation.
type pair struct {
	conversation chat.ConversationID
	user         chat.UserID
}

// known is a value that was acknowledged, and those that were tried since and may stand as well.
type known[T comparable] struct {
	acked bool
	value T
	maybe []T
}

func (k known[T]) allows(v T) bool {
	var zero T
	return k.acked && v == k.value || !k.acked && v == zero || slices.Contains(k.maybe, v)
}

// facts is what the script was told.
type facts struct {
	mu sync.Mutex

	// guarded by mu
	rooms    int // conversations acknowledged as created: 1…rooms
	sends    []sent
	reads    map[pair]chat.Seq
	member   map[pair]known[bool]
	muted    map[pair]known[bool]
	rows     map[pair]timeline.PTS
	names    map[chat.UserID]known[string]
	devices  map[chat.DeviceID]chat.UserID
	reserved chat.ConversationID // all below were given out
	buried   map[place]bool      // whether that was acknowledged
	denied   map[string]bool     // texts that were refused
}

type sent struct {
	draft  *chat.Draft
	result chat.Result
}

type place struct {
	conversation chat.ConversationID
	seq          chat.Seq
}

func newFacts() *facts {
	return &facts{
		reads: make(map[pair]chat.Seq), member: make(map[pair]known[bool]), muted: make(map[pair]known[bool]),
		rows: make(map[pair]timeline.PTS), names: make(map[chat.UserID]known[string]),
		devices: make(map[chat.DeviceID]chat.UserID), buried: make(map[place]bool), denied: make(map[string]bool),
	}
}

// now is a copy as of this moment.
func (f *facts) now() *facts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &facts{
		rooms: f.rooms, sends: slices.Clone(f.sends), reads: maps.Clone(f.reads), member: maps.Clone(f.member),
		muted: maps.Clone(f.muted), rows: maps.Clone(f.rows), names: maps.Clone(f.names), devices: maps.Clone(f.devices),
		reserved: f.reserved, buried: maps.Clone(f.buried), denied: maps.Clone(f.denied),
	}
}

// note changes the facts.
func (f *facts) note(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// try notes that a value is being written; the function that it returns notes how that ended.
func try[K, T comparable](f *facts, m map[K]known[T], key K, v T) func(err error) {
	f.note(func() {
		k := m[key]
		k.maybe = append(slices.Clip(k.maybe), v)
		m[key] = k
	})
	return func(err error) {
		if err == nil {
			f.note(func() { m[key] = known[T]{acked: true, value: v} })
		}
	}
}
