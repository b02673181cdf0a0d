package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
)

// TestTokensThatNeverCome: a source of tokens that hangs, as it does on a network that has gone silent, holds nothing up for
// ever: neither the first token nor the end of a connection that waits for a new one.
func TestTokensThatNeverCome(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	t.Run("the first", func(t *testing.T) {
		t.Parallel()
		asked := 0
		tokens := client.TokenFunc(func(ctx context.Context, _ client.TokenReason) (string, error) {
			if asked++; asked == 1 {
				return hang(ctx)
			}
			return "user-10", nil
		})
		bubble(t, nil, client.Options{Tokens: tokens}, func(w *world) { w.connect() })
	})
	t.Run("the next", func(t *testing.T) {
		t.Parallel()
		tokens := client.TokenFunc(func(ctx context.Context, why client.TokenReason) (string, error) {
			if why == client.TokenExpiring {
				return hang(ctx)
			}
			return "user-10", nil
		})
		prepare := func(s *clienttest.Server) { s.TokenMS = 60_000 }
		bubble(t, prepare, client.Options{Tokens: tokens}, func(w *world) {
			w.connect()
			w.pass(56 * time.Second) // it asks for a new one
			w.srv.Cut()
			w.pass(2 * time.Second)
			if st := w.c.State(); st.Phase != client.Online || w.srv.Dials() != 2 {
				t.Errorf("state %+v after %d dials, want online again", st, w.srv.Dials())
			}
		})
	})
}
