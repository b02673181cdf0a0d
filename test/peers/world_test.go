//go:build peers

package peers_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

var builder process.Builder

func TestMain(m *testing.M) {
	code := m.Run()
	if err := builder.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// world is a running server that pages of the given origin may use, with two people who talk.
type world struct {
	url    string
	config config
}

// config is what a peer is told.
type config struct {
	URL          string `json:"url"`
	Alice        who    `json:"alice"`
	Bob          who    `json:"bob"`
	Conversation string `json:"conversation"`
	Authenticate string `json:"authenticate"` // a frame of Alice's in protobuf, in base64
	Largest      int    `json:"largest"`      // bytes of a message
	Foreign      bool   `json:"foreign"`      // the page is not of an origin that the server allows
	Frame        string `json:"frame,omitempty"`
}

type who struct {
	User  string `json:"user"`
	Token string `json:"token"`
}

func newWorld(t *testing.T, origins ...string) *world {
	t.Helper()
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := process.New(binary, t.TempDir(), "THRONG_SERVER_ALLOWED_ORIGINS="+strings.Join(origins, ","))
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := &world{}
	if w.url, err = s.URL(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.config = config{URL: "ws" + strings.TrimPrefix(w.url, "http") + "/v1/session", Largest: chat.MaxFrameBytes}
	w.populate(t, s)
	return w
}

// populate makes Alice, Bob and their conversation.
func (w *world) populate(t *testing.T, s *process.Server) {
	t.Helper()
	back := s.API(0)
	made, err := back.Admin.CreateUsers(t.Context(), connect.NewRequest(&throngv1.CreateUsersRequest{
		Users: []*throngv1.NewUser{{ExternalId: "alice"}, {ExternalId: "bob"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	ids := made.Msg.GetIds()
	for i, p := range []*who{&w.config.Alice, &w.config.Bob} {
		res, err := back.Admin.IssueToken(t.Context(), connect.NewRequest(&throngv1.IssueTokenRequest{
			User: ids[i], Device: &throngv1.NewDevice{Name: "peer", Platform: throngv1.Platform_PLATFORM_SERVER},
		}))
		if err != nil {
			t.Fatal(err)
		}
		p.User, p.Token = strconv.FormatUint(ids[i], 10), res.Msg.GetTokens().GetAccessToken()
	}
	direct, err := s.API(ids[0]).Conversations.OpenDirect(t.Context(), connect.NewRequest(&throngv1.OpenDirectRequest{User: ids[1]}))
	if err != nil {
		t.Fatal(err)
	}
	w.config.Conversation = strconv.FormatUint(direct.Msg.GetConversation().GetId(), 10)
	frame, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{{Id: 1, Request: &throngv1.ClientEnvelope_Authenticate{
		Authenticate: &throngv1.AuthenticateRequest{Token: w.config.Alice.Token},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	w.config.Authenticate = base64.StdEncoding.EncodeToString(frame)
}

func (c config) json(t *testing.T) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// result is what came of a scenario.
type result struct {
	Name  string `json:"name"`
	Why   string `json:"why"`   // empty: it went well
	Frame string `json:"frame"` // what answered the frame in protobuf, in base64
}

// judge reports results; want are the scenarios that have to be among them.
func (w *world) judge(t *testing.T, said []byte, want ...string) {
	t.Helper()
	var results []result
	if err := json.Unmarshal(said, &results); err != nil {
		t.Fatalf("the peer said %q: %v", said, err)
	}
	for _, r := range results {
		want = slices.DeleteFunc(want, func(name string) bool { return name == r.Name })
		t.Run(r.Name, func(t *testing.T) {
			if r.Why != "" {
				t.Fatal(r.Why)
			}
			if r.Name == "authenticate in proto" {
				w.authenticated(t, r.Frame)
			}
		})
	}
	if len(want) > 0 {
		t.Errorf("the peer did not play %q", want)
	}
	t.Logf("%d scenarios", len(results))
}

// authenticated holds the answer in protobuf against the schema.
func (w *world) authenticated(t *testing.T, frame string) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(frame)
	if err != nil {
		t.Fatal(err)
	}
	var f throngv1.ServerFrame
	if err := proto.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for _, env := range f.GetEnvelopes() {
		if got := env.GetResponse().GetAuthenticate().GetUser(); strconv.FormatUint(got, 10) == w.config.Alice.User {
			return
		}
	}
	t.Errorf("no answer to authenticate in %v", &f)
}
