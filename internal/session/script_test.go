package session_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

var rewrite = flag.Bool("rewrite", false, "write what sessions do into testdata/*.txt")

// TestScripts runs the sessions of testdata/*.txt: a command, dashes, what the session did. Times are milliseconds on the
// session's clock; the wall clock shows the same plus 1,000,000.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("go test ./internal/session -run TestScripts -rewrite shows the difference\ngot:\n%s", got)
			}
		})
	}
}

func runScript(t *testing.T, script string) string {
	t.Helper()
	s := &scripted{t: t, cfg: session.Default()}
	s.cfg.Level = func() pressure.Level { return s.level }
	var out strings.Builder
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out.WriteString("----\n" + s.command(line))
		for i+1 < len(lines) && lines[i+1] != "" { // what was expected
			i++
		}
	}
	return out.String()
}

// scripted is a session and its clock.
type scripted struct {
	t    *testing.T
	cfg  session.Config
	now  int64
	sess *session.Session
	slow bool // the transport takes nothing

	level pressure.Level // what the server leaves out
}

// command does what a line says and tells what came out.
func (s *scripted) command(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "open":
		s.sess = session.New(session.NewEnv(&s.cfg, nil, 0), wire.JSON, s.now)
	case "set":
		s.set(args(rest))
		return ""
	case "at":
		s.now, _ = strconv.ParseInt(rest, 10, 64)
		next := s.sess.Tick(s.now)
		return s.output() + fmt.Sprintf("next %d\n", next)
	case "request":
		envs, err := wire.DecodeClientFrame(wire.JSON, []byte(`{"envelopes":[`+rest+`]}`))
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		for _, env := range envs {
			s.sess.Handle(s.now, env)
		}
	case "many": // the same request n times
		n, req, _ := strings.Cut(rest, " ")
		times, _ := strconv.Atoi(n)
		var out string
		for range times {
			out = s.command("request " + req)
		}
		return "last:\n" + out
	case "identity":
		a := args(rest)
		s.sess.Authenticated(s.now, s.wall(), a.num("id"), account.Identity{
			User: chat.UserID(a.num("user")), Device: chat.DeviceID(a.num("device")), ExpiresMS: a.num("expires"),
		}, a.err())
	case "subscribed":
		s.sess.Subscribed(s.now, s.wall(), 3, args(rest).err())
	case "sent":
		a := args(rest)
		r := chat.Result{Seq: chat.Seq(a.num("seq")), Ordinal: chat.Ordinal(a.num("seq")), TimeMS: 9, Repeat: a["repeat"] != ""}
		if err := a.err(); err != nil {
			r = chat.Result{Err: chat.AsError(err)}
		}
		s.sess.Sent(a.num("id"), r)
	case "answered":
		a := args(rest)
		piece := fmt.Appendf(nil, `{"response":{"id":"%d","sync":{%s}}}`, a.num("id"), strings.Repeat(" ", int(a.num("size"))))
		s.sess.Answered(a.num("id"), piece, a.err())
	case "deliver":
		s.deliver(args(rest))
	case "share", "hint":
		return s.large(word, args(rest)) + s.output()
	case "tell":
		s.sess.Tell([]byte(rest))
	case "degrade":
		s.level = pressure.Level(args(rest).num("level"))
		s.sess.Degrade()
	case "busy": // the transport has not taken what it was given
		n, _ := strconv.Atoi(rest)
		s.sess.Outbox().Hold(n)
		s.slow = true
		return ""
	case "slow":
		s.slow = true
		return ""
	case "drained":
		s.slow = false
		s.sess.Outbox().Hold(0)
		s.sess.Drained()
	case "drain":
		s.sess.Drain(1500)
	default:
		s.t.Fatalf("no such command: %s", line)
	}
	return s.output()
}

func (s *scripted) wall() uint64 { return uint64(s.now) + 1_000_000 }

func (s *scripted) set(a arguments) {
	for k := range a {
		switch k {
		case "outbound":
			s.cfg.Outbound = int(a.num(k))
		case "hard":
			s.cfg.OutboundHard = int(a.num(k))
		case "inflight":
			s.cfg.InFlight = int(a.num(k))
		case "level":
			s.level = pressure.Level(a.num(k))
		case "received":
			s.cfg.ReceivedTimeout = time.Duration(a.num(k)) * time.Millisecond
		}
	}
}

func (s *scripted) deliver(a arguments) {
	n, spread := int(max(a.num("n"), 1)), int(max(a.num("convs"), 1))
	for i := range n * spread {
		seq := chat.Seq(a.num("seq")) + chat.Seq(i/spread)
		id := chat.ConversationID(a.num("conv")) + chat.ConversationID(i%spread)
		d := &cluster.Delivery{Kind: cluster.DeliverEntry, Conversation: id, Device: chat.DeviceID(a.num("device")), Head: chat.Head{Tier: chat.TierSmall}}
		switch a["kind"] {
		case "read":
			d.Kind, d.Read = cluster.DeliverRead, chat.Read{Seq: seq, Ordinal: chat.Ordinal(seq)}
		case "sync":
			d.Kind = cluster.DeliverSync
		case "typing":
			d.Kind, d.User = cluster.DeliverTyping, chat.UserID(a.num("sender"))+chat.UserID(i)
		case "settings":
			d.Kind, d.Settings = cluster.DeliverSettings, chat.Settings{Pinned: true}
		default:
			words := a["text"] + strings.Repeat("x", int(a.num("size")))
			d.Entry = &chat.Entry{
				Conversation: id, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: chat.UserID(a.num("sender")), TimeMS: 9,
				ClientID: chat.ClientID{15: 1}, Body: chat.Text{Text: words},
			}
		}
		s.sess.Deliver(s.now, session.NewParcel(d))
	}
}

// large gives content of a large conversation or tells of it.
func (s *scripted) large(word string, a arguments) (out string) {
	for i := range max(a.num("n"), 1) {
		seq := chat.Seq(a.num("seq") + i)
		h := chat.Head{Conversation: chat.ConversationID(a.num("conv")), Seq: seq, Ordinal: chat.Ordinal(seq), Tier: chat.TierLarge}
		if word == "hint" {
			s.sess.Hint(h, wire.Hint(wire.JSON, h))
			continue
		}
		r := content{head: h, words: a["text"] + strings.Repeat("x", int(a.num("size")))}
		if s.sess.Share(r) {
			out += fmt.Sprintf("write shared %s\n", r.Piece(wire.JSON))
		}
	}
	return out
}

// content is a message made for everybody.
type content struct {
	head  chat.Head
	words string
}

func (c content) Piece(wire.Subprotocol) []byte {
	if c.head.Seq == 0 {
		return fmt.Appendf(nil, `{"batching":{"conversation":"%d"}}`, c.head.Conversation)
	}
	return fmt.Appendf(nil, `{"entries":{"conversation":"%d","entries":[{"seq":"%d","text":"%s"}]}}`, c.head.Conversation, c.head.Seq, c.words)
}

func (c content) End() chat.Head { return c.head }

// output tells calls, what was written, and the end.
func (s *scripted) output() string {
	var b strings.Builder
	if s.sess.Refocused() {
		fmt.Fprintf(&b, "focus on %v\n", s.sess.Focus())
	}
	if state, moved := s.sess.Moved(); moved {
		fmt.Fprintf(&b, "there %s\n", strings.TrimPrefix(state.String(), "PRESENCE_STATE_"))
	}
	for _, c := range s.sess.Calls() {
		switch c.Kind {
		case session.CallAuthenticate:
			fmt.Fprintf(&b, "call authenticate id=%d token=%s\n", c.ID, c.Request.GetAuthenticate().GetToken())
		case session.CallSubscribe:
			fmt.Fprintf(&b, "call subscribe user=%d\n", s.sess.Who().User)
		case session.CallSend:
			fmt.Fprintf(&b, "call send id=%d conversation=%d text=%v\n", c.ID, c.Draft.Conversation, c.Draft.Body)
		case session.CallReceived:
			fmt.Fprintf(&b, "call received %d\n", len(c.Positions))
		case session.CallTyping:
			fmt.Fprintf(&b, "call typing conversation=%d\n", c.Conversation)
		case session.CallRequest:
			fmt.Fprintf(&b, "call request id=%d %s\n", c.ID, name(c.Request))
		}
	}
	if !s.slow {
		if frame, buf := s.sess.Outbox().Take(); frame != nil {
			fmt.Fprintf(&b, "write %s\n", payload(frame))
			s.sess.Outbox().PutBack(buf)
		}
		for r := s.sess.Outbox().TakeShared(); r != nil; r = s.sess.Outbox().TakeShared() {
			fmt.Fprintf(&b, "write shared %s\n", r.Piece(wire.JSON))
		}
	}
	if e, ended := s.sess.Ended(); ended {
		fmt.Fprintf(&b, "ended %d %s\n", e.Code, e.Reason)
	}
	return b.String()
}

func name(env *throngv1.ClientEnvelope) string {
	switch env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_ListEntries:
		return "list_entries"
	case *throngv1.ClientEnvelope_MarkRead:
		return "mark_read"
	case *throngv1.ClientEnvelope_Sync:
		return "sync"
	case *throngv1.ClientEnvelope_Heartbeat:
		return "heartbeat"
	case *throngv1.ClientEnvelope_Focus:
		return "focus"
	case *throngv1.ClientEnvelope_Watch:
		return "watch"
	case *throngv1.ClientEnvelope_ListOnline:
		return "list_online"
	default:
		return "?"
	}
}

// arguments are words like seq=3.
type arguments map[string]string

func args(s string) arguments {
	a := make(arguments)
	for word := range strings.FieldsSeq(s) {
		k, v, _ := strings.Cut(word, "=")
		a[k] = v
	}
	return a
}

func (a arguments) num(k string) uint64 {
	n, _ := strconv.ParseUint(a[k], 10, 64)
	return n
}

// err is the failure named by its reason.
func (a arguments) err() error {
	switch reason := chat.Reason(a["error"]); reason {
	case "":
		return nil
	case chat.ReasonTokenInvalid, chat.ReasonTokenExpired:
		return chat.Errorf(chat.CodeUnauthenticated, reason, "no")
	case chat.ReasonUserDisabled:
		return chat.Errorf(chat.CodeForbidden, reason, "no")
	default:
		return chat.Errorf(chat.CodeUnavailable, reason, "no")
	}
}
