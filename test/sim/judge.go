package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/store/pebble/check"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// heal ends all trouble and waits until every device is level with the log.
func (w *World) heal() error {
	w.step("healing")
	w.node.skew.Store(0)
	for _, d := range w.devices {
		d.link.SetDown(false)
		d.link.SetStalled(false)
		d.link.SetLatency(0, 0)
	}
	w.living.Wait()
	deadline := time.Now().Add(healingIn)
	var behind error
	for time.Now().Before(deadline) {
		time.Sleep(5 * time.Second)
		for _, d := range w.devices {
			if err := d.mend(); err != nil {
				return err
			}
			d.lookAtAll()
		}
		if err := w.broken(); err != nil {
			return err
		}
		if behind = w.level(); behind == nil {
			return nil
		}
	}
	return fmt.Errorf("not level %s after everything healed: %w", healingIn, behind)
}

// level asks whether all devices know what the server knows, and agree on what is unread.
func (w *World) level() error {
	for _, d := range w.devices {
		if err := d.level(); err != nil {
			return fmt.Errorf("%s, which is %+v: %w", d.name, d.client().State(), err)
		}
	}
	return w.agreed()
}

func (d *device) level() error {
	cl := d.client()
	if n := len(cl.Unsent()); n > 0 {
		return fmt.Errorf("%d unsent messages", n)
	}
	list, err := d.world.as(d.user).Conversations.ListConversations(d.world.ctx, connect.NewRequest(&throngv1.ListConversationsRequest{Limit: 200}))
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	for _, c := range list.Msg.GetConversations() {
		id := client.ConversationID(c.GetId())
		mine, ok := cl.Conversation(id)
		if !ok {
			return fmt.Errorf("it does not know conversation %d", id)
		}
		told := d.toldOf(id)
		if looked := mine.Tier != throngv1.Tier_TIER_LARGE || !d.lazy || slices.Contains(cl.Focused(), id); looked && told != c.GetHead().GetSeq() {
			return fmt.Errorf("it was told conversation %d up to %d of %d", id, told, c.GetHead().GetSeq())
		}
		if differs := compare(mine, c); differs != "" {
			return fmt.Errorf("conversation %d differs: %s\nhere:   %+v\nserver: %v", id, differs, mine, c)
		}
		if err := d.converged(id); err != nil {
			return err
		}
		if err := d.pinned(c); err != nil {
			return err
		}
		if marked := d.world.mark(d.user, id); c.GetReadSeq() < marked {
			return fmt.Errorf("conversation %d was read up to %d, the server says %d", id, marked, c.GetReadSeq())
		}
	}
	if cl.TotalUnread() != list.Msg.GetTotalUnread() {
		return fmt.Errorf("it shows %d unread in all, the server %d", cl.TotalUnread(), list.Msg.GetTotalUnread())
	}
	return nil
}

func (d *device) toldOf(id client.ConversationID) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told[id]
}

// compare names what a device has otherwise than the server. What a user no longer may see differs: a device keeps what it
// was told, the server tells no more.
func compare(mine client.Conversation, c *throngv1.Conversation) string {
	current := c.GetRole() != throngv1.Role_ROLE_UNSPECIFIED
	for _, f := range []struct {
		name         string
		applies      bool
		mine, server any
	}{
		{"role", true, mine.Role, c.GetRole()},
		{"read", true, mine.Read, c.GetReadSeq()},
		{"unread", true, mine.Unread, c.GetUnread()},
		{"head", true, mine.Head, c.GetHead().GetSeq()},
		{"first", true, mine.First, c.GetFirstSeq()},
		{"muted", true, mine.Settings.Muted, c.GetSettings().GetMuted()},
		{"name", current, mine.Name, c.GetName()},
		{"members", current, mine.Members, c.GetMemberCount()},
		{"dissolved", current, mine.Dissolved, c.GetDissolved()},
	} {
		if f.applies && f.mine != f.server {
			return fmt.Sprintf("%s is %v here and %v on the server", f.name, f.mine, f.server)
		}
	}
	return ""
}

// judge holds everything that was recorded against what the disk holds in the end.
func (w *World) judge() error {
	dir := w.node.config().DatabaseDir()
	var findings []string
	report, err := check.Run(context.Background(), dir, check.Options{FS: w.node.fs, Tell: func(f string) { findings = append(findings, f) }})
	if err != nil {
		return fmt.Errorf("checking the folder: %w", err)
	}
	if report.Damage > 0 {
		return fmt.Errorf("the folder is damaged: %+v\n%s", report, strings.Join(findings, "\n"))
	}
	logs, err := w.readLogs(dir)
	if err != nil {
		return err
	}
	truth := history.Truth{}
	for id, l := range logs {
		truth[uint64(id)] = l.keys
		if err := l.ordered(); err != nil {
			return fmt.Errorf("conversation %d: %w", id, err)
		}
	}
	for k := range w.reads {
		if !logs[k.conversation].allows(k.user, k.seq) {
			return fmt.Errorf("user %d read seq %d of conversation %d, which was not for them", k.user, k.seq, k.conversation)
		}
	}
	for _, p := range w.pairs {
		if err := logs[p.room].follows(p.first, p.second); err != nil {
			return fmt.Errorf("conversation %d: %w", p.room, err)
		}
	}
	if err := w.judgeStreams(truth, logs); err != nil {
		return err
	}
	for _, r := range w.rooms {
		// What the disk holds in the end is a read, too: it shows the sends in doubt that came through.
		w.record(r, history.Op{Kind: history.Pull, Client: -1, From: 1}).OK(func(o *history.Op) { o.Keys, o.Whole = truth[uint64(r.id)], true })
	}
	return w.history.Check(10 * time.Second)
}

func (w *World) judgeStreams(truth history.Truth, logs map[client.ConversationID]*roomLog) error {
	for _, d := range w.devices {
		for _, s := range d.streams {
			s.Withheld = func(id, seq uint64) bool { return d.holes[[2]uint64{id, seq}] }
			s.Allowed = func(id, seq uint64) bool { return logs[client.ConversationID(id)].allows(d.user, seq) }
			if err := s.Check(truth, false); err != nil {
				return err
			}
		}
	}
	return nil
}
