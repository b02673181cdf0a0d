//go:build cluster

package cluster_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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
	before := w.groups(users)
	d := w.join(0, users[0])
	for _, id := range before {
		d.hears(id, d.say(id, "before"))
	}
	w.listed(1, users[1], before)
	d.leave()
	for _, s := range servers {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	topics := topicsOf(t, g)
	topics.delete(t)
	topics.forget(t)
	for _, s := range servers {
		if _, err := s.Start(w.ctx()); err != nil {
			t.Fatal(err)
		}
	}
	after := w.groups(users)
	w.listed(0, users[1], append(before, after...))
	speaker, listener := w.join(0, users[2]), w.join(1, users[3])
	for _, id := range after {
		listener.hears(id, speaker.say(id, "after"))
	}
}

// TestTopicDeleted: the topic is deleted under load, as where Kafka has lost its data under nodes that run, and made anew by these. Sends do not
// wait, nobody misses anything, and soon the new topic is followed: messages are delivered within moments, and not when somebody looks, and
// groups that are made show in lists.
func TestTopicDeleted(t *testing.T) {
	t.Parallel()
	g := shared(t)
	topics := topicsOf(t, g)
	under(t, own{ground: g}, 50, func(ctx context.Context, c *crowd, _ []outside, _ *rand.Rand) {
		others := c.w.people(4)
		before := c.w.groups(others)
		c.w.listed(0, others[0], before)
		pause(ctx, time.Second)
		gone := time.Now()
		topics.delete(t)
		var took []time.Duration
		live := within(ctx, patience, func() bool {
			took = c.delays()
			return time.Since(gone) > 3*time.Second && took[len(took)*8/10] < 500*time.Millisecond // deliveries do not wait for the topic
		})
		if !live {
			t.Errorf("%s after the topic was deleted messages took %v from their acknowledgement to their receiver", time.Since(gone), took)
		}
		t.Logf("deliveries were live again %s after the topic was deleted", time.Since(gone))
		c.unmoved(gone, time.Now(), "the topic")
		c.w.listed(1, others[0], append(before, c.w.groups(others)...))
	})
}

// groups makes a dozen groups, at two nodes, whose events are in several streams.
func (w *world) groups(users []client.UserID) []client.ConversationID {
	w.t.Helper()
	list := make([]client.ConversationID, 12)
	for i := range list {
		list[i] = w.group(i%2, users...)
	}
	return list
}

// listed waits until a user's list of conversations shows all of the given ones.
func (w *world) listed(n int, user client.UserID, list []client.ConversationID) {
	w.t.Helper()
	d := w.join(n, user)
	defer d.leave()
	w.until("the list shows every group", func() bool {
		return !slices.ContainsFunc(list, func(id client.ConversationID) bool {
			_, ok := d.Conversation(id)
			return !ok
		})
	})
}

// delays sends a message to every room, and returns how long each took from its acknowledgement to one receiver, ascending.
func (c *crowd) delays() []time.Duration {
	c.w.t.Helper()
	var took []time.Duration
	for room, members := range c.rooms {
		seq := c.send(members[0], room)
		begin := time.Now()
		c.devices[members[1]].hears(room, seq)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took
}

// topics are those of a ground, as an operator has them in hand.
type topics struct {
	admin *kadm.Client
	name  string
}

func topicsOf(t *testing.T, g ground) topics {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(g.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return topics{admin: kadm.NewClient(c), name: g.topics + "events"}
}

func (p topics) delete(t *testing.T) {
	t.Helper()
	if _, err := p.admin.DeleteTopic(t.Context(), p.name); err != nil {
		t.Fatal(err)
	}
}

// forget deletes the groups with their positions. Their members must be gone; those that were killed stay for a session's time.
func (p topics) forget(t *testing.T) {
	t.Helper()
	var err error
	gone := func() bool {
		answers, failed := p.admin.DeleteGroups(t.Context(), p.name+".fanout", p.name+".timelines")
		err = failed
		for _, a := range answers {
			if !errors.Is(a.Err, kerr.GroupIDNotFound) {
				err = errors.Join(err, a.Err)
			}
		}
		return err == nil
	}
	if !within(t.Context(), patience, gone) {
		t.Fatal(err)
	}
}
