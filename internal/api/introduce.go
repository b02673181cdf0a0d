package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Bounds of what a node remembers of profiles. Each is of one generation; two are kept.
const (
	profileAge    = 10 * time.Second // profiles are read again after one to two of it
	profileKeep   = 8_192            // profiles, of a few hundred bytes each
	introduceAge  = time.Minute      // a chunk introduces a sender again after one to two of it
	introduceKeep = 16_384           // (conversation, sender)
)

// Introductions put names to the senders of entries, for those who may not know them: pages and chunks of conversations above
// the small tier carry the profile of each sender once (DLV-13). They remember a bounded number of profiles for a few
// seconds, so that a page that a thousand devices ask for reads them once. All methods may be called from any goroutine and
// may read the store, so not from a loop. What they return may be shared: nobody writes to it.
//
// Where profiles cannot be read there are none: entries never wait for names, which clients can ask for.
type Introductions struct {
	// immutable after construction
	users Profiles
	now   func() time.Time

	// guarded by mu
	mu       sync.Mutex
	profiles fading[chat.UserID, *throngv1.Profile]
	told     fading[introduction, uint64]
}

// Profiles reads what others see of users; those that never were are left out.
type Profiles interface {
	Profiles(ctx context.Context, ids []chat.UserID) ([]account.Profile, error)
}

// introduction is that a sender was introduced to who has a conversation open.
type introduction struct {
	conversation chat.ConversationID
	sender       chat.UserID
}

// NewIntroductions makes them; now is any clock.
func NewIntroductions(users Profiles, now func() time.Time) *Introductions {
	return &Introductions{
		users: users, now: now,
		profiles: newFading[chat.UserID, *throngv1.Profile](profileAge, profileKeep),
		told:     newFading[introduction, uint64](introduceAge, introduceKeep),
	}
}

// Of returns the profiles of users, each once, in the order in which they are first named: at most chat.MaxProfiles, and
// chat.MaxProfileBytes of names and avatars.
func (i *Introductions) Of(ctx context.Context, users []chat.UserID) []*throngv1.Profile {
	users = distinctUsers(users, chat.MaxProfiles)
	found := make(map[chat.UserID]*throngv1.Profile, len(users))
	missing := i.known(users, found)
	i.load(ctx, missing, found)
	out := make([]*throngv1.Profile, 0, len(users))
	size := 0
	for _, u := range users {
		p := found[u]
		if p == nil {
			continue
		}
		if size += len(p.GetName()) + len(p.GetAvatar()); size > chat.MaxProfileBytes {
			break
		}
		out = append(out, p)
	}
	return out
}

// Chunk returns the profiles that a chunk of a conversation is to carry: those of its senders whom no chunk of it introduced in
// the last minute, as they are now. Who opens the conversation after that gets them with its page, or asks.
func (i *Introductions) Chunk(ctx context.Context, id chat.ConversationID, senders []chat.UserID) []*throngv1.Profile {
	profiles := i.Of(ctx, senders)
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	return slices.DeleteFunc(profiles, func(p *throngv1.Profile) bool {
		key := introduction{id, chat.UserID(p.GetUser())}
		if version, ok := i.told.get(key, now); ok && version == p.GetVersion() {
			return true
		}
		i.told.put(key, p.GetVersion(), now)
		return false
	})
}

// Forget drops a profile that changed.
func (i *Introductions) Forget(user chat.UserID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.profiles.drop(user)
}

// known fills found with what is remembered and returns who is not.
func (i *Introductions) known(users []chat.UserID, found map[chat.UserID]*throngv1.Profile) (missing []chat.UserID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	for _, u := range users {
		if p, ok := i.profiles.get(u, now); ok {
			found[u] = p
		} else {
			missing = append(missing, u)
		}
	}
	return missing
}

// load reads profiles and remembers them. One that changes while it is read may be remembered as it was, for seconds.
func (i *Introductions) load(ctx context.Context, missing []chat.UserID, found map[chat.UserID]*throngv1.Profile) {
	if len(missing) == 0 {
		return
	}
	list, err := i.users.Profiles(ctx, missing)
	if err != nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	for _, p := range list {
		found[p.User] = profile(p)
		i.profiles.put(p.User, found[p.User], now)
	}
}

// distinctUsers returns the first most users that are somebody, each once. It does not change the slice that it is given.
func distinctUsers(users []chat.UserID, most int) []chat.UserID {
	seen := make(map[chat.UserID]struct{}, min(len(users), most))
	out := make([]chat.UserID, 0, min(len(users), most))
	for _, u := range users {
		if _, again := seen[u]; again || u == 0 {
			continue
		}
		if len(out) == most {
			break
		}
		seen[u] = struct{}{}
		out = append(out, u)
	}
	return out
}

// fading remembers values for one to two ages, and of each generation a bounded number: what is in the older generation goes
// all at once.
type fading[K comparable, V any] struct {
	age        time.Duration
	most       int
	young, old map[K]V
	since      time.Time // when the young generation began
}

func newFading[K comparable, V any](age time.Duration, most int) fading[K, V] {
	return fading[K, V]{age: age, most: most, young: map[K]V{}, old: map[K]V{}}
}

func (f *fading[K, V]) get(key K, now time.Time) (V, bool) {
	f.turn(now)
	if v, ok := f.young[key]; ok {
		return v, true
	}
	v, ok := f.old[key]
	return v, ok
}

func (f *fading[K, V]) put(key K, value V, now time.Time) {
	f.turn(now)
	f.young[key] = value
}

func (f *fading[K, V]) drop(key K) {
	delete(f.young, key)
	delete(f.old, key)
}

// turn begins another generation where the young one is full or has lived its age. A clock that was set back ends it too.
func (f *fading[K, V]) turn(now time.Time) {
	passed := now.Sub(f.since)
	if passed >= 0 && passed < f.age && len(f.young) < f.most {
		return
	}
	f.old, f.young, f.since = f.young, map[K]V{}, now
	if passed < 0 || passed >= 2*f.age {
		f.old = map[K]V{}
	}
}
