//go:build cluster

package check_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/check"
	"github.com/throng-im/throng/internal/timeline"
)

// lists are the rows of lists of conversations, as text.
func (l *land) lists() (all []string) {
	l.t.Helper()
	for user := range chat.UserID(5) {
		rows, err := l.shelf.Rows(l.t.Context(), []chat.UserID{user})
		assert.NoError(l.t, "rows", err)
		for _, k := range rows[0] {
			all = append(all, fmt.Sprintf("%d in %d: %t since %d, pinned %t", user, k.Conversation, k.Current, k.Seq, k.Settings.Pinned))
		}
	}
	return all
}

// TestMendPutsListsRight: whatever happened to lists, afterwards they are what the log says, with the settings of rows that were there.
func TestMendPutsListsRight(t *testing.T) {
	t.Parallel()
	l := plant(t)
	pinned := true
	_, err := l.shelf.PutSettings(t.Context(), 2, l.group, timeline.Patch{Pinned: &pinned})
	assert.NoError(t, "settings", err)
	want := l.lists()
	assert.Equal(t, "rows", len(want), 5)
	l.save()
	for _, tc := range []struct {
		name, query string
		rows        int
		lost        bool
	}{
		{"all of a database is gone", "DELETE FROM shelf", 5, true},
		{"behind", "UPDATE shelf SET seq=0, member=1-member", 5, false},
		{"ahead of a log that was restored", "UPDATE shelf SET seq=seq+7, member=1", 5, false},
		{"another thing at the same seq", "UPDATE shelf SET member=1-member", 5, false},
		{"strangers", "UPDATE IGNORE shelf SET conversation=3-conversation WHERE user=3", 2, false},
		{"nothing", "SELECT 1", 0, false},
	} {
		l.restore()
		for _, db := range l.dbs {
			_, err := db.ExecContext(t.Context(), tc.query)
			assert.NoError(t, tc.name, err)
		}
		var mended []string
		r, said := l.run(check.Options{Mend: true, Shelf: true, Repaired: func(text string) { mended = append(mended, text) }})
		assert.Equal(t, tc.name+": mended", int(r.Repaired), tc.rows)
		assert.Equal(t, tc.name+": told", len(mended), tc.rows)
		assert.Equal(t, tc.name+": left", fmt.Sprint(said), "[]")
		wanted := strings.Join(want, "\n")
		if tc.lost { // settings went with the rows
			wanted = strings.ReplaceAll(wanted, "pinned true", "pinned false")
		}
		assert.Equal(t, tc.name, strings.Join(l.lists(), "\n"), wanted)
	}
}

// TestMendWhilePeopleComeAndGo: lists are mended, by two at a time and cut off now and then, while members come and go and a follower writes
// the same rows, late and some of it twice. When all is quiet the lists are what the log says.
func TestMendWhilePeopleComeAndGo(t *testing.T) {
	t.Parallel()
	l := plant(t)
	ctx := t.Context()
	const changes = 60
	events := make(chan timeline.Change, 2*changes)
	var all sync.WaitGroup
	all.Go(func() { // people
		defer close(events)
		for n := range changes {
			action, what := chat.MemberAdded, timeline.Entered
			if n%2 == 1 {
				action, what = chat.MemberRemoved, timeline.Ended
			}
			d := &chat.Draft{Conversation: l.group, Sender: 1, Body: chat.MembersChanged{Action: action, Users: []chat.UserID{2}, Role: chat.RoleMember}}
			applied, err := l.s.Append(ctx, []*chat.Draft{d})
			if err != nil || applied.Results()[0].Err != nil {
				t.Errorf("change %d: %v, %v", n, err, applied.Results()[0].Err)
				return
			}
			events <- timeline.Change{User: 2, Conversation: l.group, Membership: what, Seq: applied.Results()[0].Seq}
		}
	})
	done := make(chan struct{})
	all.Go(func() { // the follower
		defer close(done)
		var late []timeline.Change
		for c := range events {
			if late = append(late, c); len(late) < 4 {
				continue
			}
			if err := l.shelf.Enroll(ctx, late); err != nil {
				t.Error(err)
			}
			late = late[2:]
		}
		// The last one is lost: only the mending has it.
	})
	for range 2 {
		all.Go(func() { // two who mend
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				some, stop := context.WithTimeout(ctx, time.Duration(20+20*(n%5))*time.Millisecond)
				_, err := check.Run(some, l.s, check.Options{
					Mend: true, Shelf: true, Patience: time.Millisecond, Tell: func(string, check.Remedy) {}, Repaired: func(string) {},
				})
				if end, _ := some.Deadline(); err != nil && time.Until(end) > 10*time.Millisecond { // dialers stop a little before the end
					t.Error(err)
				}
				stop()
			}
		})
	}
	all.Wait()
	r, said := l.run(check.Options{Mend: true})
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
	assert.True(t, "something was left to mend, or was mended", r.Rows == 5)
	assert.Equal(t, "once more", func() uint64 { r, _ := l.run(check.Options{Mend: true, Shelf: true}); return r.Repaired }(), 0)
}

// TestDoubtsAreLookedAtAgain: what a follower brings while it is in doubt is no finding.
func TestDoubtsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	l := plant(t)
	l.exec("DELETE FROM shelf WHERE user=1 AND conversation=?", l.direct)
	l.exec("DELETE FROM handle WHERE handle='user2'")
	late := make(chan error, 1)
	timer := time.AfterFunc(700*time.Millisecond, func() {
		err := l.shelf.Enroll(context.Background(), []timeline.Change{{User: 1, Conversation: l.direct, Membership: timeline.Entered, Seq: 1}})
		_, failed := l.dbs[0].ExecContext(context.Background(), "INSERT INTO handle VALUES ('user2', 2)")
		late <- errors.Join(err, failed)
	})
	defer timer.Stop()
	_, said := l.run(check.Options{Patience: 20 * time.Second})
	assert.NoError(t, "late", <-late)
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
}
