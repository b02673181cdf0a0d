//go:build cluster

package cluster_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/client"
)

// TestKafkaIsLost: Kafka comes back empty, with none of its events and positions. What happens from then on is followed, although the
// positions that stand in MySQL are beyond the end of the new streams.
func TestKafkaIsLost(t *testing.T) {
	t.Parallel()
	g := shared(t)
	servers := processes(t, 2, g)
	w := &world{t: t, nodes: nodesOf(servers)}
	users := w.people(4)
	groups := func() []client.ConversationID {
		list := make([]client.ConversationID, 12)
		for i := range list {
			list[i] = w.group(i%2, users...)
		}
		return list
	}
	listed := func(n int, list []client.ConversationID) {
		t.Helper()
		d := w.join(n, users[1])
		defer d.leave()
		w.until("the list shows every group", func() bool {
			for _, id := range list {
				if _, ok := d.Conversation(id); !ok {
					return false
				}
			}
			return true
		})
	}
	before := groups()
	d := w.join(0, users[0])
	for _, id := range before {
		d.hears(id, d.say(id, "before"))
	}
	listed(1, before)
	d.leave()
	for _, s := range servers {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	forget(t, g)
	for _, s := range servers {
		if _, err := s.Start(w.ctx()); err != nil {
			t.Fatal(err)
		}
	}
	after := groups()
	listed(0, append(before, after...))
	speaker, listener := w.join(0, users[2]), w.join(1, users[3])
	for _, id := range after {
		listener.hears(id, speaker.say(id, "after"))
	}
}

// forget deletes the topic of a ground and the positions of its groups.
func forget(t *testing.T, g ground) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(g.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	admin, topic := kadm.NewClient(c), g.topics+"events"
	if _, err := admin.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	gone := func() bool {
		answers, failed := admin.DeleteGroups(t.Context(), topic+".fanout", topic+".timelines")
		err = failed
		for _, a := range answers {
			if !errors.Is(a.Err, kerr.GroupIDNotFound) {
				err = errors.Join(err, a.Err)
			}
		}
		return err == nil
	}
	if !within(t.Context(), patience, gone) { // members that were killed stay for a session's time
		t.Fatal(err)
	}
}
