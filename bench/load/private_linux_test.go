package load_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
)

// TestPrivate has clients of two servers on loops with descriptors of their own.
func TestPrivate(t *testing.T) {
	t.Parallel()
	var all []*bare.Process
	var urls []string
	for range 2 {
		p, err := bare.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		all, urls = append(all, p), append(urls, p.URL())
	}
	const clients, messages = 101, 20
	mouth := &bare.Mouth{Process: all[0], More: all[1:]}
	p := pump.New(pump.Config{Senders: []int{clients}, Receivers: clients, Size: 64, Most: messages})
	f, err := load.New(t.Context(), load.Config{
		URLs: urls, Loops: 2, Private: true, Early: true, Clients: clients, Driver: p, Sources: 77,
		Token:        func(int) (token, device string) { return "token", "device" },
		Conversation: func(int) (conv, from uint64) { return bare.Conversation, bare.FirstSeq },
		Sends:        func(int) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := f.Open(t.Context(), clients, live.Silent); err != nil {
		t.Fatal(err)
	}
	f.Measure(true)
	p.Measure(true)
	p.Start(mouth, f.Now)
	defer p.Close()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); p.Figures().Messages < messages && time.Now().Before(end); {
		<-tick.C
	}
	if n := f.Settle(t.Context(), load.UpTo(clients, mouth.Next()-1), live.Silent); n != 0 || p.Figures().Messages != messages {
		t.Errorf("%d deliveries are missing, %d messages reached everybody: %+v", n, p.Figures().Messages, f.Counts())
	}
	if c := f.Counts(); c.Entries != clients*messages || c.Duplicate+c.Disordered+c.Damaged != 0 {
		t.Errorf("counts %+v", c)
	}
}
