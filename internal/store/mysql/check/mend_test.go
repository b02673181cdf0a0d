//go:build cluster

package check_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/check"
	"github.com/throng-im/throng/internal/store/mysql/people"
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
		ahead       int // that Redis may show still
	}{
		{"all of a database is gone", "DELETE FROM shelf", 5, true, 0},
		{"behind", "UPDATE shelf SET seq=0, member=1-member", 5, false, 0},
		{"ahead of a log that was restored", "UPDATE shelf SET seq=seq+7, member=1", 5, false, 5},
		{"another thing at the same seq", "UPDATE shelf SET member=1-member", 5, false, 5},
		{"strangers", "UPDATE IGNORE shelf SET conversation=3-conversation WHERE user=3", 2, false, 1},
		{"nothing", "SELECT 1", 0, false, 0},
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
		emptied := strings.Count(strings.Join(mended, "\n"), "Redis may show it still")
		assert.Equal(t, tc.name+": Redis is to be emptied", emptied, tc.ahead)
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
		if err := l.shelf.Enroll(ctx, late); err != nil {
			t.Error(err)
		}
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
	r, said := l.run(check.Options{})
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
	assert.Equal(t, "rows of lists", r.Rows, 5)
}

// TestCorrectLeavesWhatAFollowerWrote: a correction is of a row as it was read.
func TestCorrectLeavesWhatAFollowerWrote(t *testing.T) {
	t.Parallel()
	l := plant(t)
	before := l.lists()
	read := people.Correction{User: 1, Conversation: l.group, Current: true, Seq: 1, ToSeq: 9}
	for what, c := range map[string]people.Correction{
		"another seq":       {User: 1, Conversation: l.group, Current: true, Seq: 2, ToSeq: 9},
		"not a member":      {User: 1, Conversation: l.group, Current: false, Seq: 1, ToSeq: 9},
		"one to be dropped": {User: 1, Conversation: l.group, Current: true, Seq: 2, Drop: true},
		"one that is gone":  {User: 4, Conversation: l.group, Current: true, Seq: 1, ToSeq: 9},
	} {
		assert.NoError(t, what, l.shelf.Correct(t.Context(), []people.Correction{c}))
		assert.Equal(t, what, l.lists(), before)
	}
	assert.NoError(t, "as it was read", l.shelf.Correct(t.Context(), []people.Correction{read}))
	assert.True(t, "as it was read", slices.Contains(l.lists(), fmt.Sprintf("1 in %d: false since 9, pinned false", l.group)))
}

// TestCheckWhilePeopleWrite: accounts are made, pairs meet, members come and go and write, and a follower is behind of them all; a check
// finds nothing, whenever it looks.
func TestCheckWhilePeopleWrite(t *testing.T) {
	t.Parallel()
	l := plant(t)
	ctx, stop := context.WithCancel(t.Context())
	accounts := people.New(l.s)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	late := func(changes ...timeline.Change) { // the follower
		all.Go(func() {
			timer := time.NewTimer(100 * time.Millisecond)
			defer timer.Stop()
			<-timer.C
			if err := l.shelf.Enroll(context.WithoutCancel(ctx), changes); err != nil {
				t.Error(err)
			}
		})
	}
	pace := func() bool { // the checks are to have something left of the machine
		select {
		case <-time.After(100 * time.Millisecond):
			return true
		case <-ctx.Done():
			return false
		}
	}
	all.Go(func() { // who is new, and writes to somebody who is there
		for n := 0; pace(); n++ {
			made, err := accounts.Create(t.Context(), []account.Account{{User: account.User{Handle: fmt.Sprintf("late%d", n), Version: 1}}}, account.Terms{})
			if err != nil {
				t.Error(err)
				return
			}
			id, err := l.s.Reserve(t.Context(), 1)
			if err == nil {
				id, err = l.s.Pair(t.Context(), 1, made[0].ID, id)
			}
			if err != nil {
				t.Error(err)
				return
			}
			l.append(&chat.Draft{Conversation: id, Sender: made[0].ID, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{made[0].ID, 1}}})
			late(timeline.Change{User: 1, Conversation: id, Membership: timeline.Entered, Seq: 1},
				timeline.Change{User: made[0].ID, Conversation: id, Membership: timeline.Entered, Seq: 1})
			if n%3 == 2 {
				if err := accounts.Delete(t.Context(), made[0].ID, uint64(n)+1); err != nil {
					t.Error(err)
				}
			}
		}
	})
	all.Go(func() { // a group
		for n := 0; pace(); n++ {
			action, what := chat.MemberAdded, timeline.Entered
			if n%2 == 1 {
				action, what = chat.MemberRemoved, timeline.Ended
			}
			applied, err := l.s.Append(t.Context(), []*chat.Draft{
				{Conversation: l.group, Sender: 1, Body: chat.MembersChanged{Action: action, Users: []chat.UserID{2}, Role: chat.RoleMember}},
				{Conversation: l.group, Sender: 3, ClientID: chat.ClientID{0: 1, 14: byte(n >> 8), 15: byte(n)}, Body: chat.Text{Text: "meanwhile"}},
			})
			if err != nil || applied.Results()[0].Err != nil || applied.Results()[1].Err != nil {
				t.Errorf("change %d: %v, %v", n, err, applied.Results())
				return
			}
			late(timeline.Change{User: 2, Conversation: l.group, Membership: what, Seq: applied.Results()[0].Seq})
		}
	})
	for n := range 2 {
		r, said := l.run(check.Options{Patience: 2 * time.Second, Moment: time.Duration(n) * 100 * time.Millisecond})
		assert.Equal(t, "findings", fmt.Sprint(said), "[]")
		assert.True(t, "it saw something", r.Entries >= 25 && r.Users >= 3)
	}
	stop()
	all.Wait()
	_, said := l.run(check.Options{})
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
}

// TestNamesOfWhoLeaves: an account that was deleted keeps its names beside it until they are free, and while it does they are in order.
func TestNamesOfWhoLeaves(t *testing.T) {
	t.Parallel()
	l := plant(t)
	accounts := people.New(l.s)
	made, err := accounts.Create(t.Context(), []account.Account{{User: account.User{Handle: "gone", Version: 1}}}, account.Terms{})
	assert.NoError(t, "create", err)
	assert.NoError(t, "delete", accounts.Delete(t.Context(), made[0].ID, 1))
	l.exec("INSERT INTO handle VALUES ('gone', ?)", made[0].ID)
	l.exec("UPDATE account SET leaving='x' WHERE user=?", made[0].ID)
	_, said := l.run(check.Options{})
	assert.Equal(t, "findings", fmt.Sprint(said), "[]")
	l.exec("UPDATE account SET leaving=NULL WHERE user=?", made[0].ID)
	_, said = l.run(check.Options{})
	assert.True(t, fmt.Sprint(said), len(said) == 1 && strings.Contains(said[0].text, `the index of handles leads from "gone"`))
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
