package pump_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/text"
)

// mouth keeps what was said; the test answers.
type mouth struct {
	now func() int64

	// guarded by mu: the pump's clock says things, too
	mu      sync.Mutex
	words   []pump.Message
	flushed bool
}

func (m *mouth) Say(msg *pump.Message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.words = append(m.words, *msg)
	return false
}

// said is what was said up to now.
func (m *mouth) said() []pump.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.words)
}

func (m *mouth) Flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flushed = true
}

func start(cfg pump.Config) (*pump.Pump, *mouth) {
	p, m := pump.New(cfg), &mouth{}
	begin := time.Now()
	m.now = func() int64 { return int64(time.Since(begin)) }
	p.Start(m, m.now)
	return p, m
}

// TestClosed: the next message goes out when one is acknowledged and has reached everybody, in whatever order it hears of both.
func TestClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, m := start(pump.Config{Senders: []int{4, 7}, Receivers: 3, Size: 64, InFlight: 1})
		defer p.Close()
		p.Measure(true)
		reach := func(k, n int) {
			s := m.said()[k]
			p.Reached(load.Arrival{Sender: uint32(s.Client), Counter: s.Counter, Due: s.Due, N: n, First: m.now(), Last: m.now()})
		}
		if len(m.said()) != 1 || m.said()[0].Client != 4 {
			t.Fatalf("said %+v", m.said())
		}
		if st, ok := text.Read(m.said()[0].Text); !ok || st.Sender != 4 || st.Counter != 0 {
			t.Errorf("stamp %+v", st)
		}
		<-time.After(10 * time.Millisecond)
		reach(0, 2)
		p.Acked(4, m.said()[0].ID, 12, m.now())
		if len(m.said()) != 1 {
			t.Fatal("the next goes out before all have the last")
		}
		<-time.After(10 * time.Millisecond)
		reach(0, 1)
		if len(m.said()) != 2 || m.said()[1].Client != 7 {
			t.Fatalf("said %+v", m.said())
		}
		reach(1, 3)
		if len(m.said()) != 2 {
			t.Fatal("the next goes out before the last is acknowledged")
		}
		p.Acked(7, m.said()[1].ID, 13, m.now())
		if len(m.said()) != 3 || m.said()[2].Client != 4 || m.said()[2].Counter != 1 {
			t.Fatalf("said %+v", m.said())
		}
		f := p.Figures()
		if seq, sent := p.Highest(); seq != 13 || sent != 3 || f.Messages != 2 || f.All.Latency().Max < 19.9 || f.First.Latency().Max > 10.1 {
			t.Errorf("highest %d, sent %d, figures %+v, all %+v", seq, sent, f, f.All.Latency())
		}
		p.Pause()
		p.Acked(4, m.said()[2].ID, 14, m.now())
		reach(2, 3)
		if w, fl := p.Waiting(); len(m.said()) != 3 || !m.flushed || w != 0 || fl != 0 {
			t.Errorf("%d waiting, %d flying, said %d after the pause", w, fl, len(m.said()))
		}
	})
}

// TestAnswered: nothing new goes out, and what is on its way is waited for, up to a bound.
func TestAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, m := start(pump.Config{Senders: []int{4, 7}, Receivers: 3, Size: 64, InFlight: 2})
		defer p.Close()
		go func() { // ends with the acknowledgement
			<-time.After(time.Second)
			p.Acked(4, m.said()[0].ID, 12, m.now())
		}()
		begin := time.Now()
		if err := p.Answered(t.Context(), 3*time.Second); err == nil || err.Error() != "1 messages were not answered for 3s" {
			t.Errorf("one is missing: %v", err)
		}
		if took := time.Since(begin); took < 3*time.Second || took > 3100*time.Millisecond {
			t.Errorf("it was waited for %s", took)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Answered(gone, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up: %v", err)
		}
		p.Acked(7, m.said()[1].ID, 13, m.now())
		if err := p.Answered(t.Context(), time.Minute); err != nil || len(m.said()) != 2 {
			t.Errorf("all are acknowledged: %v, %d said", err, len(m.said()))
		}
	})
}

// TestAgain: what is refused for a moment or cut off goes out again under the same client id, once; what is refused for good ends it.
func TestAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, m := start(pump.Config{Senders: []int{1}, Receivers: 1, Size: 64})
		defer p.Close()
		p.Refused(1, m.said()[0].ID, load.Refusal{Reason: "overloaded", Again: true, After: time.Second})
		<-time.After(900 * time.Millisecond)
		if len(m.said()) != 1 {
			t.Fatal("sent again too early")
		}
		<-time.After(200 * time.Millisecond)
		p.Changed(1, false, m.now())
		<-time.After(100 * time.Millisecond)
		if len(m.said()) != 3 || m.said()[2].ClientID != m.said()[0].ClientID || string(m.said()[2].Text) != string(m.said()[0].Text) {
			t.Fatalf("said %+v", m.said())
		}
		if p.Err() != nil || p.Figures().Again != 2 {
			t.Errorf("error %v, again %d", p.Err(), p.Figures().Again)
		}
		p.Refused(1, m.said()[0].ID, load.Refusal{Reason: "not_a_member"})
		if p.Err() == nil {
			t.Error("a refusal for good is passed over")
		}
	})
}

// TestRate: messages are due by the clock, whatever becomes of them.
func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, m := start(pump.Config{Senders: []int{0, 1, 2, 3, 4}, Receivers: 1, Size: 64, Rate: 100, Random: true})
		defer p.Close()
		<-time.After(time.Second)
		p.Pause()
		if n := len(m.said()); n < 99 || n > 101 {
			t.Errorf("%d messages in a second at 100/s", n)
		}
		for k, s := range m.said() {
			if s.Due != int64(k)*int64(10*time.Millisecond) {
				t.Fatalf("message %d was due at %v", k, time.Duration(s.Due))
			}
		}
	})
}
