package gateway

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// unhideEvery is how often routes are tried again that other nodes could not be told of.
const unhideEvery = time.Second

// flush makes the routes of a session visible to other nodes. Where what they are told by is away, sessions open all the same: their
// devices find by digests what is not delivered, and once the routes are visible all of them look for what they missed.
func (s *Server) flush(ctx context.Context) error {
	err := s.online.routes.Flush(ctx)
	if err == nil || ctx.Err() != nil || chat.AsError(err).Code != chat.CodeUnavailable {
		return err
	}
	s.metrics.hidden.Inc()
	select {
	case s.hidden <- struct{}{}:
	default: // it is known
	}
	return nil
}

// unhide tries to make routes visible that were not, until ctx ends.
func (s *Server) unhide(ctx context.Context) {
	for {
		select {
		case <-s.hidden:
		case <-ctx.Done():
			return
		}
		for visible := false; !visible; {
			wait := time.NewTimer(unhideEvery)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
				return
			}
			visible = s.online.routes.Flush(ctx) == nil
		}
		s.Resync()
	}
}
