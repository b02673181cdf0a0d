package link_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

type scanned struct {
	lines []string
	sizes int
}

func (s *scanned) Entry(e *link.RawEntry) {
	s.sizes += e.Size
	s.lines = append(s.lines, fmt.Sprintf("entry %d/%d/%d by %d at %d %q",
		e.Conversation, e.Seq, e.Ordinal, e.Sender, e.TimeMS, e.Text))
}

func (s *scanned) Response(r *link.RawResponse) {
	s.lines = append(s.lines, fmt.Sprintf("response %d send %v %d %v error %v", r.ID, r.Send, r.Seq, r.Repeat, r.Error != nil))
}

func (s *scanned) Other(field int, _ []byte) {
	s.lines = append(s.lines, fmt.Sprintf("other %d", field))
}

func frame(envs ...*throngv1.ServerEnvelope) *throngv1.ServerFrame {
	return &throngv1.ServerFrame{Envelopes: envs}
}

func text(conv, seq uint64, s string) *throngv1.Entry {
	return &throngv1.Entry{
		Conversation: conv, Seq: seq, Ordinal: seq - 1, Sender: 5, TimeMs: 1_700_000_000_000,
		Body: &throngv1.Entry_Text{Text: s},
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	f := frame(
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: text(7, 300, "hello")}},
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entries{Entries: &throngv1.Entries{
			Conversation: 8, Entries: []*throngv1.Entry{text(0, 4, "a"), text(0, 5, "b")},
		}}},
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
			Id: 9, Result: &throngv1.Response_Send{Send: &throngv1.SendResponse{Seq: 70_000, Ordinal: 3, Repeat: true}},
		}}},
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
			Id: 10, Result: &throngv1.Response_Error{Error: &throngv1.Error{Reason: "muted"}},
		}}},
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Hint{Hint: &throngv1.Hint{Conversation: 1}}},
	)
	b, err := proto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var got scanned
	if err := (&link.FrameScanner{To: &got}).Scan(b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`entry 7/300/299 by 5 at 1700000000000 "hello"`,
		`entry 8/4/3 by 5 at 1700000000000 "a"`,
		`entry 8/5/4 by 5 at 1700000000000 "b"`,
		`response 9 send true 70000 true error false`,
		`response 10 send false 0 false error true`,
		`other 4`,
	}
	if fmt.Sprint(got.lines) != fmt.Sprint(want) {
		t.Errorf("scanned\n%q, want\n%q", got.lines, want)
	}
	only, err := proto.Marshal(frame(f.GetEnvelopes()[:2]...)) // the entries' envelopes
	if err != nil {
		t.Fatal(err)
	}
	if got.sizes != len(only) {
		t.Errorf("sizes sum to %d, the entries' envelopes take %d", got.sizes, len(only))
	}
	for n := range b { // no prefix may crash the scanner
		_ = (&link.FrameScanner{To: &scanned{}}).Scan(b[:n])
	}
}

func TestAppendSend(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 100, 127, 128, 5000} {
		id := [16]byte{1, 2, 3}
		b := link.AppendSend(nil, 300, 1<<40, &id, make([]byte, size))
		var f throngv1.ClientFrame
		if err := proto.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		env := f.GetEnvelopes()[0]
		s := env.GetSend()
		if env.GetId() != 300 || s.GetConversation() != 1<<40 || string(s.GetClientId()) != string(id[:]) || len(s.GetText()) != size {
			t.Errorf("size %d: %v", size, &f)
		}
	}
}

type counter struct{ entries int }

func (c *counter) Entry(*link.RawEntry)       { c.entries++ }
func (c *counter) Response(*link.RawResponse) {}
func (c *counter) Other(int, []byte)          {}

func TestScanAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	b, err := proto.Marshal(frame(
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: text(7, 300, "hello")}},
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: text(7, 301, "hello")}},
	))
	if err != nil {
		t.Fatal(err)
	}
	var c counter
	s := link.FrameScanner{To: &c}
	if n := testing.AllocsPerRun(100, func() { _ = s.Scan(b) }); n > 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}

func BenchmarkScan(b *testing.B) {
	f, err := proto.Marshal(frame(
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: text(7, 300, string(make([]byte, 200)))}},
	))
	if err != nil {
		b.Fatal(err)
	}
	s := link.FrameScanner{To: &counter{}}
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Scan(f)
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	f, err := proto.Marshal(frame(
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: text(7, 300, string(make([]byte, 200)))}},
	))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var v throngv1.ServerFrame
		_ = proto.Unmarshal(f, &v)
	}
}

func FuzzScan(f *testing.F) {
	b, err := proto.Marshal(frame(
		&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: text(7, 300, "hello")}},
	))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var got scanned
		err := (&link.FrameScanner{To: &got}).Scan(b)
		var v throngv1.ServerFrame
		if proto.Unmarshal(b, &v) == nil && err != nil {
			t.Errorf("refused what the generated code takes: %v", err)
		}
	})
}
