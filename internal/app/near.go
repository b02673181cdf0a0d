package app

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/near"
)

// near puts what this node knows of the log by itself in front of the engines that nodes share.
func (a *App) near(e *engine) {
	own := near.NewMetrics(a.registry)
	e.ring = near.NewRing(near.Config{
		Bytes: a.cfg.Sizes().RecentBytes, ConversationBytes: a.cfg.Message.RecentConversationBytes,
	}, e.hot, nil, own)
	e.log, e.hot = near.NewLog(e.log, own), e.ring
}

// noteAll takes in what this node has committed.
func noteAll(ring *near.Ring, events []chat.Event) {
	for i := range events {
		if ev := &events[i]; ev.Entry != nil {
			ring.Note(ev.Entry, ev.Head)
		}
	}
}
