package disk_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/pebble/check"
)

var (
	imageSeed = flag.Uint64("disk.image", 0, "TestCorruption: only the image of this seed")
	images    = flag.Int("disk.images", 0, "TestCorruption: how many images; 0 is 5,000, 20,000 nightly, 300 with -short")
)

// original is a folder with everything in it, and what it says.
type original struct {
	image image
	facts *facts
	logs  map[chat.ConversationID][]chat.Entry
}

// newOriginal makes a folder that was killed: tables on some levels, a log that is in use.
func newOriginal(ctx context.Context) (*original, error) {
	fs, f := vfs.NewCrashableMem(), newFacts()
	o := options(fs)
	o.MemTableBytes = 16 << 10
	for life := range uint64(2) {
		s, err := pebble.Open("data", o)
		if err != nil {
			return nil, err
		}
		sc, err := begin(s, f, life+1)
		if err != nil {
			return nil, err
		}
		if life == 0 {
			sc.create(ctx)
		}
		for range 250 {
			sc.step(ctx)
		}
		if sc.err != nil {
			return nil, sc.err
		}
		if life == 0 {
			if err := s.Close(); err != nil {
				return nil, err
			}
			continue
		}
		// As a kill leaves it.
		m, err := readImage(fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}), "data")
		if err != nil {
			return nil, err
		}
		out := &original{image: m, facts: f.now(), logs: make(map[chat.ConversationID][]chat.Entry)}
		for id := chat.ConversationID(1); id <= rooms; id++ {
			if out.logs[id], err = out.facts.contiguous(s, id); err != nil {
				return nil, err
			}
		}
		return out, s.Close()
	}
	return nil, errors.New("not reached")
}

// TestCorruption is T3c: images of a folder with one file damaged give an error or the right content, never other content
// (I24). What stood at the very end of the log that was in use may be missing, as after a power loss: no reader can tell
// a torn write from one.
func TestCorruption(t *testing.T) {
	t.Parallel()
	o, err := newOriginal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := *images
	switch {
	case want != 0:
	case testing.Short():
		want = 300
	case os.Getenv("RELIABILITY") == "nightly":
		want = 20_000
	default:
		want = 5_000
	}
	first := uint64(time.Now().UnixNano())
	if *imageSeed != 0 {
		first, want = *imageSeed, 1
	}
	var mu sync.Mutex
	tally := make(map[string]int)
	begun := time.Now()
	t.Run("images", func(t *testing.T) {
		const lanes = 4
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for n := lane; n < want && !t.Failed(); n += lanes {
					seed := first + uint64(n)
					d := o.image.draw(rand.New(rand.NewPCG(seed, 1)))
					found, err := o.look(d)
					if err != nil {
						t.Errorf("%v: %v\nrun again with: go test ./test/disk -run TestCorruption -disk.image=%d", d, err, seed)
						return
					}
					mu.Lock()
					tally[class(d.file)+": "+found]++
					mu.Unlock()
				}
			})
		}
	})
	n := 0
	for found, count := range tally {
		t.Logf("%6d %s", count, found)
		n += count
	}
	t.Logf("%d images of %d files; seeds from %d; %s", n, len(o.image), first, time.Since(begun).Round(time.Millisecond))
	if n < want {
		t.Errorf("%d images are wanted", want)
	}
}

// look opens a damaged image and says how the damage shows; its error is a broken promise.
func (o *original) look(d mutation) (string, error) {
	fs, err := o.image.apply(d).disk()
	if err != nil {
		return "", err
	}
	op := options(fs)
	fatal := false
	op.Fatal = func(error) { fatal = true }
	s, err := pebble.Open("data", op)
	if err != nil {
		return "refused at the start", nil //nolint:nilerr // as it should
	}
	missing, err := o.read(s)
	closing := s.Close()
	var wrong *wrongError
	switch {
	case errors.As(err, &wrong):
		return "", err
	case err != nil || closing != nil || fatal:
		return "refused when read", nil
	case missing == 0:
		return "right content", nil
	case d.file == o.image.lastLog():
		return "the end of the log is missing", nil
	}
	var told []string
	if fs, err = o.image.apply(d).disk(); err != nil {
		return "", err
	}
	report, err := check.Run(context.Background(), "data", check.Options{FS: fs, Tell: func(t string) { told = append(told, t) }})
	if err != nil || report.Damage > 0 {
		return "found by the check", nil //nolint:nilerr // as it should
	}
	return "", fmt.Errorf("%d entries are missing, and nobody says so", missing)
}

// wrongError is content that nobody wrote there.
type wrongError struct{ text string }

// Error implements error.
func (e *wrongError) Error() string { return e.text }

func wrong(format string, args ...any) error { return &wrongError{fmt.Sprintf(format, args...)} }

// read reads everything and compares it. It returns how many entries are missing at the ends of logs.
func (o *original) read(s *pebble.Store) (missing int, err error) {
	ctx := context.Background()
	said := make(map[place]*chat.Draft, len(o.facts.sends))
	for _, k := range o.facts.sends {
		said[place{k.draft.Conversation, k.result.Seq}] = k.draft
	}
	for id, log := range o.logs {
		n := 0
		for n < len(log) {
			page, err := s.Range(ctx, message.Range{Conversation: id, From: chat.Seq(n + 1), Limit: chat.MaxRangeEntries})
			if err != nil {
				return 0, err
			}
			if len(page) == 0 {
				break
			}
			for i := range page {
				e := &page[i]
				if e.Seq != chat.Seq(n+1) {
					return 0, errors.New("a gap in the log") // loud: every reader of ranges sees it
				}
				if n >= len(log) || !same(e, &log[n], said[place{id, e.Seq}]) {
					return 0, wrong("conversation %d, seq %d: %+v", id, e.Seq, e)
				}
				n++
			}
		}
		missing += len(log) - n
		heads, err := s.Heads(ctx, []chat.ConversationID{id})
		if err != nil {
			return 0, err
		}
		if heads[0].Seq != chat.Seq(n) {
			return 0, errors.New("the head is not the end of the log") // the check finds it
		}
	}
	for id := range o.facts.names {
		got, err := s.Accounts().Accounts(ctx, []chat.UserID{id})
		if err != nil {
			return 0, err
		}
		a := got[0]
		if a.ID == 0 {
			missing++
			continue
		}
		if a.ID != id || !strings.HasPrefix(a.Name, "u") && !strings.HasPrefix(a.Name, "name ") || !strings.HasPrefix(a.Handle, "u") {
			return 0, wrong("user %d: %+v", id, a)
		}
	}
	return missing, nil
}

// same compares an entry with the one that should stand there: what was erased last may stand as it was before.
func same(e, want *chat.Entry, said *chat.Draft) bool {
	if reflect.DeepEqual(e, want) {
		return true
	}
	if _, gone := want.Body.(chat.Tombstone); !gone || said == nil {
		return false
	}
	before := *want
	before.Body = said.Body
	return reflect.DeepEqual(e, &before)
}
