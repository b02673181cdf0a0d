package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/chat"
)

// F4: whatever comes in, the API never fails inside, never panics, and never tells a stranger the marker that a foreign
// conversation holds. procedure picks one of the schema where it is not 0; the path is used otherwise.
func FuzzAPI(f *testing.F) {
	const marker = "marker-of-a-foreign-conversation"
	w := newWorld(f)
	a, b, stranger := w.person(f, false), w.person(f, false), w.person(f, false)
	id, err := w.conversations.OpenDirect(f.Context(), a.id, b.id)
	if err != nil {
		f.Fatal(err)
	}
	w.send(f, a.id, id, marker)
	fields := strings.NewReplacer("$group", "1", "$target", "2", "$other", "1", "$client", "AAAAAAAAAAAAAAAAAAAAAQ==", "$head", "2", "$handle", a.handle)
	for procedure, row := range rows() {
		f.Add("POST", "/throng.v1."+procedure, "", "application/json", []byte(fields.Replace(row.body)), true, uint8(0))
		f.Add("POST", "/throng.v1."+procedure, "", "application/proto", []byte{8, 1, 16, 1}, true, uint8(0))
	}
	for route := range plainRoutes() {
		method, path, _ := strings.Cut(route, " ")
		f.Add(method, path, "token=1", "", []byte{}, false, uint8(0))
	}
	all := procedures()
	for i := range 2 * len(all) {
		f.Add("", "", "", "", []byte(`{"conversation":"1"}`), true, uint8(i+1))
	}
	f.Fuzz(func(t *testing.T, method, path, query, contentType string, body []byte, signedIn bool, procedure uint8) {
		if procedure > 0 {
			method, path, query = http.MethodPost, "/throng.v1."+all[int(procedure)%len(all)], ""
			contentType = [...]string{"application/json", "application/proto"}[int(procedure)/len(all)%2]
		}
		if strings.HasSuffix(path, "/SignUp") || strings.HasSuffix(path, "/SignIn") || strings.HasSuffix(path, "Password") {
			return // each costs a password hash, and none reads a conversation
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := (&http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Host: "example.com", RemoteAddr: "192.0.2.1:1234",
			Body: http.NoBody, ContentLength: int64(len(body)),
		}).WithContext(ctx)
		r.Body = readCloser{strings.NewReader(string(body))}
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if signedIn {
			bearer(stranger.token)(r)
		}
		answer := do(t, w.handler, r)
		if answer.status >= http.StatusInternalServerError && answer.status != http.StatusServiceUnavailable {
			t.Fatalf("%s %q: %d %s\nlog: %s", method, path, answer.status, answer.body, w.logs)
		}
		if strings.Contains(answer.body, marker) {
			t.Fatalf("%s %q tells a stranger: %s", method, path, answer.body)
		}
		if answer.status >= http.StatusBadRequest && (!json.Valid([]byte(answer.body)) || answer.reason() == "") {
			t.Fatalf("%s %q: an error without a reason: %d %s", method, path, answer.status, answer.body)
		}
		stranger = w.still(t, stranger)
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// still replaces a person whom the last call signed out or deleted.
func (w *world) still(t *testing.T, p person) person {
	t.Helper()
	if _, err := w.accounts.Authenticate(t.Context(), p.token, ""); chat.AsError(err) == nil {
		return p
	}
	return w.person(t, false)
}
