//go:build linux

package bare_test

import (
	"errors"
	"io"
	"testing"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/text"
)

// Everything that is written reaches every client once and in order, in single frames and in chunks, and after others have gone.
func TestLoop(t *testing.T) {
	t.Parallel()
	b, err := bare.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	const clients, messages = 9, 700 // more than a wake-up's counter takes where it counts in large steps
	for _, chunk := range []int{1, 10} {
		mouth := &bare.Mouth{Process: b, Chunk: chunk}
		f, err := load.New(t.Context(), load.Config{
			URL: b.URL(), Clients: clients, Pause: -1,
			Token:        func(int) (string, string) { return "any", "" },
			Conversation: func(int) (uint64, uint64) { return bare.Conversation, mouth.Next() },
			Sends:        func(int) bool { return false },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Open(t.Context(), clients, live.Silent); err != nil {
			t.Fatal(err)
		}
		f.Measure(true)
		for k := range messages {
			m := &pump.Message{Counter: uint32(k), Client: clients, Text: make([]byte, 128)}
			text.Stamp{Sender: clients, Counter: uint32(k), Due: f.Now()}.Write(m.Text)
			if !mouth.Say(m) {
				t.Fatal("a bare loop acknowledges by taking")
			}
		}
		mouth.Flush()
		if left := f.Settle(t.Context(), load.UpTo(clients, mouth.Next()-1), live.Silent); left != 0 {
			t.Errorf("chunks of %d: %d are lost", chunk, left)
		}
		c := f.Counts()
		if c.Entries != clients*messages || c.Frames != clients*messages/int64(chunk) || c.Duplicate+c.Disordered+c.Damaged+c.Foreign != 0 {
			t.Errorf("chunks of %d: %+v", chunk, c)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A process that says something else is not taken for the loop.
func TestServeNeedsFrames(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(errors.New("broken")) }() // ends at once
	if err := bare.Serve(t.Context(), in, io.Discard); err == nil {
		t.Error("broken input is taken for the end")
	}
}

func TestExpected(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		members, size, cores int
		want                 float64
	}{
		{1_000, 128, 2, 0},
		{10_000, 128, 2, 163_000},
		{14_500, 128, 2, 164_000},
		{19_000, 128, 2, 165_000},
		{1_000_000, 128, 2, 124_000},
		{2_000_000, 128, 2, 0},
		{10_000, 4_000, 2, 0},
		{10_000, 128, 8, 0},
	} {
		if got := bare.Expected(r.members, r.size, r.cores); got != r.want {
			t.Errorf("%+v: %v", r, got)
		}
	}
	if bare.Void(138_000, 10_000, 128, 2) == "" || bare.Void(139_000, 10_000, 128, 2) != "" || bare.Void(1, 10_000, 128, 4) != "" {
		t.Error("85% is the line, where anything is known")
	}
}
