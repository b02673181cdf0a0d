package timeline_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// F6, SYNC-4: whatever cursor somebody shows, it is answered with all that it may lack: with a reset and everything, or, where it
// is one that may have been given out, with everything that changed since. Asking on from the answer ends.
func FuzzCursor(f *testing.F) {
	w := open(f, 100)
	for id := chat.ConversationID(1); id <= 3; id++ {
		w.group(id, 10, 20)
		w.say(id, 10, "hello")
	}
	given := w.all(20, nil)
	now, all := given.Cursor, len(given.Views)
	rows, err := w.rows.Rows(f.Context(), 20)
	assert.NoError(f, "rows", err)
	f.Add(now.Epoch, now.Generation, uint64(now.PTS), uint16(0))
	f.Add(now.Epoch, now.Generation, uint64(now.PTS)-1, uint16(1))
	f.Add(now.Epoch, now.Generation, uint64(now.PTS)+1, uint16(500))
	f.Add(now.Epoch, now.Generation, uint64(0), uint16(2))
	f.Add(now.Epoch+1, now.Generation, uint64(now.PTS), uint16(1))
	f.Add(now.Epoch, now.Generation^1, uint64(1), uint16(1))
	f.Add(uint64(0), uint64(0), ^uint64(0), uint16(65_535))
	f.Fuzz(func(t *testing.T, epoch, generation, pts uint64, limit uint16) {
		c := timeline.Cursor{Epoch: epoch, Generation: generation, PTS: timeline.PTS(pts)}
		foreign := c.Epoch != now.Epoch || c.Generation != now.Generation || c.PTS > now.PTS
		want := map[chat.ConversationID]bool{}
		for _, r := range rows.Rows {
			if foreign || r.PTS > c.PTS {
				want[r.Conversation] = true
			}
		}
		for page := 0; ; page++ {
			got, err := w.service.Sync(t.Context(), 20, timeline.Query{Cursor: &c, Limit: int(limit)})
			if err != nil {
				t.Fatal(err)
			}
			if got.Reset != (foreign && page == 0) {
				t.Fatalf("page %d of %+v: reset is %t", page, c, got.Reset)
			}
			for _, v := range got.Views {
				delete(want, v.Conversation.ID)
			}
			if c = got.Cursor; !got.More {
				break
			}
			if page > all {
				t.Fatal("it does not end")
			}
		}
		if len(want) > 0 || c != now {
			t.Fatalf("%v are missing, and the cursor is %+v", want, c)
		}
	})
}

// F6, HTTP-9: a page token has one form, belongs to one user and one list, and nothing else is one.
func FuzzPageToken(f *testing.F) {
	own := timeline.PageToken(true, 5, 6, 20, false)
	for _, s := range []string{own, own + "A", own[1:], "", "AAAA", timeline.PageToken(false, 5, 6, 20, true), timeline.PageToken(true, 5, 6, 21, false)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		again, err := timeline.ReadPageToken(s, 20, false)
		if err != nil {
			if chat.AsError(err).Reason != chat.ReasonPageTokenInvalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if again != s {
			t.Fatalf("%q and %q are one token", s, again)
		}
		if s == "" {
			return
		}
		for _, other := range []struct {
			user     chat.UserID
			archived bool
		}{{21, false}, {20, true}} {
			if _, err := timeline.ReadPageToken(s, other.user, other.archived); err == nil {
				t.Fatalf("%q is good in another list", s)
			}
		}
	})
}
