package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/throng-im/throng/test/history"
)

const limit = 10 * time.Second

func ok(l *history.Log, op history.Op) {
	l.Invoke(op).OK(func(*history.Op) {})
}

func TestLogExplainsGoodHistories(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(l *history.Log){
		"in order": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Append, Key: "b", Seq: 2})
			ok(l, history.Op{Kind: history.Pull, From: 1, Keys: []string{"a", "b"}, Whole: true})
		},
		"repeat has the first answer": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Append, Key: "b", Seq: 2})
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
		},
		"concurrent, either order": func(l *history.Log) {
			a := l.Invoke(history.Op{Kind: history.Append, Key: "a"})
			b := l.Invoke(history.Op{Kind: history.Append, Key: "b"})
			a.OK(func(o *history.Op) { o.Seq = 2 })
			b.OK(func(o *history.Op) { o.Seq = 1 })
		},
		"in doubt, took effect later": func(l *history.Log) {
			l.Invoke(history.Op{Kind: history.Append, Key: "a"})
			ok(l, history.Op{Kind: history.Pull, From: 1, Whole: true})
			ok(l, history.Op{Kind: history.Pull, From: 1, Keys: []string{"a"}, Whole: true})
		},
		"in doubt, never took effect": func(l *history.Log) {
			l.Invoke(history.Op{Kind: history.Append, Key: "a"})
			ok(l, history.Op{Kind: history.Append, Key: "b", Seq: 1})
			ok(l, history.Op{Kind: history.Head, Seq: 1})
		},
		"refused": func(l *history.Log) {
			l.Invoke(history.Op{Kind: history.Append, Key: "a"}).Refused()
			ok(l, history.Op{Kind: history.Pull, From: 1, Whole: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l history.Log
			run(&l)
			if err := l.Check(limit); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestLogRefusesBadHistories(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(l *history.Log){
		"acknowledged and lost": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Pull, From: 1, Whole: true})
		},
		"one seq twice": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Append, Key: "b", Seq: 1})
		},
		"gap": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Append, Key: "b", Seq: 3})
		},
		"repeat stored again": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 2})
		},
		"refused and visible": func(l *history.Log) {
			l.Invoke(history.Op{Kind: history.Append, Key: "a"}).Refused()
			ok(l, history.Op{Kind: history.Pull, From: 1, Keys: []string{"a"}})
		},
		"later send before the earlier": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 2})
			ok(l, history.Op{Kind: history.Append, Key: "b", Seq: 1})
		},
		"head goes back": func(l *history.Log) {
			ok(l, history.Op{Kind: history.Append, Key: "a", Seq: 1})
			ok(l, history.Op{Kind: history.Head, Seq: 0})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l history.Log
			run(&l)
			if l.Check(limit) == nil {
				t.Fatal("a history that no correct server gives was accepted")
			}
		})
	}
}

func TestLogOfTwoThousandOperations(t *testing.T) {
	t.Parallel()
	var l history.Log
	var open []*history.Pending
	for i := range 2000 {
		open = append(open, l.Invoke(history.Op{Kind: history.Append, Client: i % 8, Key: fmt.Sprint(i)}))
		if len(open) == 8 {
			for j, p := range open {
				p.OK(func(o *history.Op) { o.Seq = uint64(i - 7 + (7 - j) + 1) })
			}
			open = nil
		}
	}
	if err := l.Check(limit); err != nil {
		t.Fatal(err)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	truth := history.Truth{7: {"a", "b", "c", "d"}}
	at := func(seqs ...uint64) []history.Seen {
		var out []history.Seen
		for _, s := range seqs {
			out = append(out, history.Seen{Conversation: 7, Seq: s, Key: string(rune('a' + s - 1))})
		}
		return out
	}
	second := func(_, seq uint64) bool { return seq == 2 }
	notSecond := func(_, seq uint64) bool { return seq != 2 }
	for name, c := range map[string]struct {
		stream   history.Stream
		complete bool
		good     bool
	}{
		"whole":               {history.Stream{Seen: at(1, 2, 3, 4)}, true, true},
		"from the middle":     {history.Stream{Seen: at(3, 4)}, true, true},
		"withheld":            {history.Stream{Seen: at(1, 3, 4), Withheld: second}, true, true},
		"filtered":            {history.Stream{Seen: at(1, 3, 4), Allowed: notSecond}, true, true},
		"hole":                {history.Stream{Seen: at(1, 3, 4)}, false, false},
		"twice":               {history.Stream{Seen: at(1, 2, 2)}, false, false},
		"backwards":           {history.Stream{Seen: at(2, 1)}, false, false},
		"not allowed":         {history.Stream{Seen: at(1, 2), Allowed: notSecond}, false, false},
		"tail missing":        {history.Stream{Seen: at(1, 2)}, true, false},
		"tail missing, so be": {history.Stream{Seen: at(1, 2)}, false, true},
		"other content":       {history.Stream{Seen: []history.Seen{{Conversation: 7, Seq: 1, Key: "z"}}}, false, false},
		"beyond the log":      {history.Stream{Seen: []history.Seen{{Conversation: 7, Seq: 5, Key: "e"}}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := c.stream.Check(truth, c.complete); (err == nil) != c.good {
				t.Fatalf("error %v", err)
			}
		})
	}
}
