package send_test

import (
	"slices"
	"testing"

	"github.com/throng-im/throng/bench/send"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name                   string
		cfg                    send.Config
		users, perUser, absent int
	}{
		{"direct", send.Config{}, 2000, 1, 0},
		{"groups of 10", send.Config{Senders: 100, Members: 10}, 100, 100, 0},
		{"groups of 100 with 10 online", send.Config{Senders: 100, Members: 100, Online: 10}, 100, 100, 90},
		{"everybody everywhere", send.Config{Senders: 10, Conversations: 7, Members: 10}, 10, 7, 0},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p, err := send.NewPlan(r.cfg)
			if err != nil {
				t.Fatal(err)
			}
			online, offline := p.Groups()
			in := map[int]int{}
			shapes := map[string]bool{}
			for g := range online {
				all := slices.Concat(online[g], offline[g])
				slices.Sort(all)
				if len(slices.Compact(slices.Clone(all))) != len(all) || len(offline[g]) != r.absent {
					t.Fatalf("group %d: online %v, offline %v", g, online[g], offline[g])
				}
				for _, u := range online[g] {
					in[u]++
				}
				shapes[string(rune(all[0]))+string(rune(all[len(all)-1]))] = true
			}
			if len(in) != r.users {
				t.Errorf("%d users, want %d", len(in), r.users)
			}
			for u, n := range in {
				if n != r.perUser {
					t.Errorf("user %d is in %d conversations, want %d", u, n, r.perUser)
				}
			}
			users, groups := p.Sends()
			for s := range users {
				if len(groups[s]) == 0 {
					t.Fatalf("sender %d has nowhere to send", s)
				}
				for _, g := range groups[s] {
					if !slices.Contains(online[g], users[s]) {
						t.Errorf("sender %d is not in conversation %d", s, g)
					}
				}
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []send.Config{
		{Members: 1}, {Members: 5000}, {Size: 39}, {Online: 3}, {Users: 1}, {Rate: -1}, {URL: "http://x"}, {Senders: -1},
	} {
		if _, err := send.NewPlan(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestTrack(t *testing.T) {
	t.Parallel()
	var tr send.Track
	rows := []struct {
		counter uint32
		want    uint8
		lacks   int // of 6
	}{
		{0, uint8(send.InOrder), 5},
		{1, uint8(send.InOrder), 4},
		{4, uint8(send.InOrder), 3},
		{4, uint8(send.Duplicate), 3},
		{2, uint8(send.Disordered), 2},
		{2, uint8(send.Duplicate), 2},
		{0, uint8(send.Duplicate), 2},
		{5, uint8(send.InOrder), 1},
	}
	for _, r := range rows {
		if got := tr.Take(r.counter); got != r.want || tr.Lacks(6) != r.lacks {
			t.Errorf("take %d: %d with %d lacking, want %d with %d", r.counter, got, tr.Lacks(6), r.want, r.lacks)
		}
	}
}
