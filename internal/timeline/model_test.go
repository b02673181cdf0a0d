package timeline_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

var (
	seed  = flag.Uint64("timeline.seed", 0, "run only the model test with this seed")
	seeds = flag.Uint64("timeline.seeds", 60, "how many seeds the model test runs")
)

const (
	modelUsers         = 8
	modelConversations = 5
	modelSteps         = 120
	modelDevices       = 3
)

// TestModel lets users do what users do, cuts the power now and then, and holds each device's copy, kept by syncs from its
// own cursor alone, against a model that knows no cursors. Devices sync when they like, so cursors are of any age (SYNC-5).
func TestModel(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), *seeds
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for s := first; s <= last; s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			t.Logf("go test ./internal/timeline -run TestModel -timeline.seed %d", s)
			m := newModel(t, s)
			for range modelSteps {
				m.step()
			}
			m.converge()
		})
	}
}

// model is what is true, and the devices.
type model struct {
	*world
	rng           *rand.Rand
	conversations map[chat.ConversationID]*modelConversation
	muted         map[part]bool
	devices       []*device
}

type part struct {
	user         chat.UserID
	conversation chat.ConversationID
}

type modelConversation struct {
	owner  chat.UserID
	counts []bool // by seq − 1: whether the entry is countable
	fixed  chat.Tier
	member map[chat.UserID]*modelMember
}

type modelMember struct {
	current bool
	last    int // seq, of an ended membership
	read    int // seq
}

// device holds what an application would show.
type device struct {
	user   chat.UserID
	cursor *timeline.Cursor
	shows  map[chat.ConversationID]shown
	total  uint64
	more   bool
}

type shown struct {
	head, read chat.Seq
	unread     uint64
	member     bool
}

func newModel(t *testing.T, seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := open(t, uint32(2+rng.IntN(6))) // the tier switches at random sizes
	w.halt()
	w.ring = rng.IntN(2) == 0
	w.cfg.Digests = []int{1, 1 << 10}[rng.IntN(2)]
	w.cfg.Marks = []int{1, 8, 1 << 17}[rng.IntN(3)]
	w.cfg.Pending = []int{1, 1 << 14}[rng.IntN(2)]
	w.cfg.Part = []int{1, 3, 1024}[rng.IntN(3)]
	w.cfg.PageBytes = []int{1, 2_000, 1 << 20}[rng.IntN(3)]
	w.cfg.Save = []time.Duration{time.Microsecond, time.Second}[rng.IntN(2)]
	w.cfg.Stretch = []time.Duration{0, time.Second}[rng.IntN(2)]
	w.start()
	m := &model{
		world:         w,
		rng:           rng,
		conversations: make(map[chat.ConversationID]*modelConversation),
		muted:         make(map[part]bool),
	}
	for u := chat.UserID(1); u <= modelUsers; u++ {
		for range modelDevices {
			m.devices = append(m.devices, &device{user: u, shows: make(map[chat.ConversationID]shown)})
		}
	}
	return m
}

func (c *modelConversation) head() int { return len(c.counts) }

func (c *modelConversation) add(countable bool) int {
	c.counts = append(c.counts, countable)
	return len(c.counts)
}

// end is the last seq that the user may see.
func (c *modelConversation) end(u chat.UserID) int {
	if p := c.member[u]; !p.current {
		return p.last
	}
	return c.head()
}

// want is what every device of the user should show in the end.
func (c *modelConversation) want(u chat.UserID) shown {
	p := c.member[u]
	s := shown{head: chat.Seq(c.end(u)), read: chat.Seq(p.read), member: p.current}
	for seq := p.read + 1; seq <= c.end(u); seq++ {
		if c.counts[seq-1] {
			s.unread++
		}
	}
	return s
}

func (m *model) user() chat.UserID { return chat.UserID(1 + m.rng.IntN(modelUsers)) }

func (m *model) step() {
	switch n := m.rng.IntN(100); {
	case n < 4:
		m.create()
	case n < 34:
		m.speak()
	case n < 46:
		m.mark()
	case n < 62:
		m.comeOrGo()
	case n < 66:
		m.mute()
	case n < 69:
		m.tier()
	case n < 80:
		m.digest(m.user())
	case n < 97:
		m.syncOne(m.devices[m.rng.IntN(len(m.devices))])
	default:
		m.crash(m.rng)
	}
}

func (m *model) create() {
	id := chat.ConversationID(len(m.conversations) + 1)
	if len(m.conversations) >= modelConversations {
		return
	}
	users := m.rng.Perm(modelUsers)[:1+m.rng.IntN(modelUsers)]
	members := make([]chat.UserID, len(users))
	c := &modelConversation{member: make(map[chat.UserID]*modelMember)}
	c.add(false)
	for i, u := range users {
		members[i] = chat.UserID(u + 1)
		c.member[members[i]] = &modelMember{current: true, read: 1}
	}
	c.owner = members[0]
	m.group(id, members...)
	m.conversations[id] = c
}

// pick chooses a conversation and one of its members, current or not.
func (m *model) pick() (chat.ConversationID, *modelConversation, chat.UserID) {
	if len(m.conversations) == 0 {
		return 0, nil, 0
	}
	id := chat.ConversationID(1 + m.rng.IntN(len(m.conversations)))
	c := m.conversations[id]
	users := slices.Sorted(maps.Keys(c.member))
	return id, c, users[m.rng.IntN(len(users))]
}

func (m *model) speak() {
	id, c, u := m.pick()
	if c == nil || !c.member[u].current {
		return
	}
	m.say(id, u, "x")
	c.member[u].read = c.add(true)
}

func (m *model) mark() {
	id, c, u := m.pick()
	if c == nil || !c.member[u].current {
		return
	}
	seq := 1 + m.rng.IntN(c.end(u))
	m.read(id, u, chat.Seq(seq))
	c.member[u].read = max(c.member[u].read, seq)
}

func (m *model) comeOrGo() {
	id, c, _ := m.pick()
	u := m.user()
	if c == nil || u == c.owner {
		return
	}
	p := c.member[u]
	switch {
	case p == nil || !p.current:
		m.members(id, c.owner, chat.MemberAdded, u)
		seq := c.add(false)
		c.member[u] = &modelMember{current: true, read: seq}
	case m.rng.IntN(2) == 0:
		m.members(id, c.owner, chat.MemberRemoved, u)
		p.current, p.last = false, c.add(false)
	default:
		m.members(id, u, chat.MemberLeft, u)
		p.current, p.last = false, c.add(false)
	}
}

func (m *model) mute() {
	id, c, u := m.pick()
	if c == nil || !c.member[u].current {
		return
	}
	k := part{u, id}
	m.muted[k] = !m.muted[k]
	_, err := m.service.Settings(context.Background(), u, id, timeline.SettingsPatch{Muted: ref(m.muted[k])})
	assert.NoError(m.t, "mute", err)
}

// tier lets an administrator say what a conversation is.
func (m *model) tier() {
	id, c, _ := m.pick()
	if c == nil {
		return
	}
	tier := chat.Tier(m.rng.IntN(4)) // 0: by its size
	if tier == c.fixed {
		return
	}
	m.append(&chat.Draft{Conversation: id, Body: chat.Changed{Tier: &tier}})
	c.fixed = tier
	c.add(false)
}

// digest asks for one (SYNC-20, SYNC-22). Whatever the timelines are behind, its heads are those of the log, and of conversations that the user is
// in. Once they are not, it names all that are above the small tier, and the total is that of everything.
func (m *model) digest(u chat.UserID) {
	m.t.Helper()
	settled := m.rng.IntN(2) == 0
	if settled {
		settled = m.follower.Settle(context.Background())
	}
	d, err := m.service.Digest(context.Background(), u)
	assert.NoError(m.t, "digest", err)
	told := make(map[chat.ConversationID]bool)
	for _, h := range d.Heads {
		told[h.Conversation] = true
		c := m.conversations[h.Conversation]
		if p := c.member[u]; p == nil || !p.current {
			m.t.Fatalf("the digest of %d tells of conversation %d, which is not the user's", u, h.Conversation)
		}
		assert.Equal(m.t, fmt.Sprintf("head of conversation %d", h.Conversation), int(h.Seq), c.head())
	}
	if !settled {
		return
	}
	total := uint64(0)
	for id, c := range m.conversations {
		p := c.member[u]
		if p == nil || !p.current {
			continue
		}
		heads, err := m.store.Heads(context.Background(), []chat.ConversationID{id})
		assert.NoError(m.t, "head", err)
		assert.Equal(m.t, fmt.Sprintf("conversation %d is told of to %d", id, u), told[id], heads[0].Tier > chat.TierSmall)
		if !m.muted[part{u, id}] {
			total += c.want(u).unread
		}
	}
	assert.Equal(m.t, fmt.Sprintf("total of %d", u), d.TotalUnread, total)
}

// syncOne takes one page. Sometimes the answer is lost on its way, and the device asks again later.
func (m *model) syncOne(d *device) {
	m.t.Helper()
	if m.rng.IntN(40) == 0 {
		d.cursor, d.shows = nil, make(map[chat.ConversationID]shown) // another phone
	}
	got := m.sync(d.user, timeline.Query{Cursor: d.cursor, Limit: 1 + m.rng.IntN(4), Entries: m.rng.IntN(4)})
	if m.rng.IntN(10) == 0 {
		return
	}
	if got.Reset {
		m.t.Fatalf("a cursor that was given out was not taken back: %+v", d.cursor)
	}
	for i := range got.Views {
		v := &got.Views[i]
		d.shows[v.Head.Conversation] = shown{head: v.Head.Seq, read: v.Read.Seq, unread: v.Unread, member: v.Role != 0}
		want := m.conversations[v.Head.Conversation].want(d.user)
		assert.Equal(m.t, fmt.Sprintf("user %d in conversation %d", d.user, v.Head.Conversation), d.shows[v.Head.Conversation], want)
	}
	d.cursor, d.total, d.more = &got.Cursor, got.TotalUnread, got.More
	assert.Equal(m.t, "total", d.total, m.total(d.user))
	if !d.more {
		m.compare(d)
	}
}

// compare holds the device against the truth: nothing else happens meanwhile, so a device that has synced to the end knows
// all, without waiting.
func (m *model) compare(d *device) {
	m.t.Helper()
	for id, c := range m.conversations {
		p := c.member[d.user]
		got, has := d.shows[id]
		switch {
		case p == nil:
			assert.True(m.t, "a stranger's device shows nothing", !has)
		case !p.current && !has:
		default:
			assert.Equal(m.t, fmt.Sprintf("user %d in conversation %d, cursor %+v", d.user, id, *d.cursor), got, c.want(d.user))
		}
	}
}

func (m *model) total(u chat.UserID) (total uint64) {
	for id, c := range m.conversations {
		if p := c.member[u]; p != nil && p.current && !m.muted[part{u, id}] {
			total += c.want(u).unread
		}
	}
	return total
}

// converge syncs every device to the end.
func (m *model) converge() {
	m.t.Helper()
	for _, d := range m.devices {
		for again := true; again; {
			before := d.cursor
			m.syncOne(d)
			again = d.cursor == before || d.more // a lost answer
		}
		list, err := m.service.List(context.Background(), d.user, timeline.ListQuery{})
		assert.NoError(m.t, "list", err)
		assert.Equal(m.t, "total of the list", list.TotalUnread, m.total(d.user))
		var sum uint64
		for _, v := range list.Views {
			if !v.Settings.Muted {
				sum += v.Unread
			}
		}
		assert.Equal(m.t, "sum of the list", sum, list.TotalUnread)
	}
}
