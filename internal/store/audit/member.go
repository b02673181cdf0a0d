package audit

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// leads compares the index of owners and admins, for a part of the users, with what the entries come to.
func (c *Checker) leads(ctx context.Context, r *replay) error {
	if r.broken {
		return nil
	}
	listed := make(map[chat.UserID]struct{})
	err := c.under(ctx, record.TableLead, uint64(r.id), func(key, value []byte) error {
		if len(key) != record.Key2Len || len(value) > 1 || c.hooks.Roles && len(value) == 0 || !c.hooks.Roles && len(value) == 1 && chat.Role(value[0]) != record.RoleBanned {
			return c.found(remove(key), "conversation %d: the index of owners and admins has the malformed row %x", r.id, key)
		}
		user := chat.UserID(record.Second(key))
		if !r.mine(user) {
			return nil
		}
		m := r.members[user]
		if m == nil || record.Listed(m.Member) == 0 {
			return c.found(remove(key), "conversation %d: the index of owners and admins has user %d, who is neither of them and not banned", r.id, user)
		}
		listed[user] = struct{}{}
		if want := c.listed(m.Member); !bytes.Equal(value, want) {
			fix := put(key, want)
			return c.found(fix, "conversation %d: the index of owners and admins has user %d with another role", r.id, user)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for user, m := range r.members {
		if _, ok := listed[user]; ok || record.Listed(m.Member) == 0 {
			continue
		}
		fix := put(record.Key2(record.TableLead, uint64(r.id), uint64(user)), c.listed(m.Member))
		if err := c.found(fix, "conversation %d: the index of owners and admins lacks user %d", r.id, user); err != nil {
			return err
		}
	}
	return nil
}

// listed is the value that the index has for a member.
func (c *Checker) listed(m chat.Member) []byte {
	role := record.Listed(m)
	if c.hooks.Roles {
		return []byte{byte(role)}
	}
	return record.ListedValue(role)
}

// members compares the member rows of a part of the users with what the entries come to.
func (c *Checker) members(ctx context.Context, r *replay) error {
	err := c.under(ctx, record.TableMember, uint64(r.id), func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return c.found(remove(key), "conversation %d: a member row has the malformed key %x", r.id, key)
		}
		user := chat.UserID(record.Second(key))
		if !r.mine(user) {
			return nil
		}
		c.Report.Members++
		want := r.members[user]
		delete(r.members, user)
		d := record.NewReader(value)
		have := d.Part(user)
		switch {
		case !d.Done() && want == nil:
			return c.found(remove(key), "conversation %d: the member row of user %d does not decode", r.id, user)
		case !d.Done():
			return c.mendMember(ctx, r, want, message.Part{}, "does not decode")
		case want == nil && r.broken:
			return nil
		case want == nil:
			return c.found(remove(key), "conversation %d has a member row of user %d, who never was a member", r.id, user)
		case !r.broken && !sameMember(have.Member, want.Member):
			return c.mendMember(ctx, r, want, have, "is not what the entries come to")
		}
		return c.member(ctx, r, want, have)
	})
	if err != nil || r.broken {
		return err
	}
	for user, want := range r.members {
		if err := c.mendMember(ctx, r, want, message.Part{}, "is missing"); err != nil {
			return err
		}
		delete(r.members, user)
	}
	return c.settle(ctx)
}

func sameMember(have, want chat.Member) bool {
	// Rows of format 1 do not say what who left saw last.
	left := have.Left == nil || want.Left != nil && *have.Left == *want.Left
	return have.Role == want.Role && have.JoinedMS == want.JoinedMS && have.MutedUntilMS == want.MutedUntilMS &&
		have.Nickname == want.Nickname && have.Since == want.Since && have.BannedUntilMS == want.BannedUntilMS &&
		slices.Equal(have.Spans, want.Spans) && left
}

// mendMember puts the row right; the read position is the truth, and kept where it can be.
func (c *Checker) mendMember(ctx context.Context, r *replay, want *stay, have message.Part, what string) error {
	part := message.Part{Member: want.Member, Read: have.Read}
	part.SentMS, part.NamedMS, part.Bar, part.Holds, part.Later = have.SentMS, have.NamedMS, have.Bar, have.Holds, have.Later
	part.Got = min(have.Got, want.Last(r.head.Seq))
	if hidesUpTo(have.Member) <= want.Last(r.head.Seq) {
		part.Hidden = have.Hidden
	}
	seq := min(max(have.Read.Seq, want.Began(), want.sent), want.Last(r.head.Seq))
	return c.look(ctx, record.KeyEntry(r.id, seq), func(value []byte) error {
		var e chat.Entry
		if value != nil && begun(value, &e) {
			part.Read = chat.Read{Seq: seq, Ordinal: e.Ordinal}
		}
		fix := put(record.Key2(record.TableMember, uint64(r.id), uint64(want.User)), record.AppendPart(nil, part))
		if r.broken {
			fix = nil
		}
		return c.found(fix, "conversation %d: the member row of user %d %s", r.id, want.User, what)
	})
}

// member checks a read position, and has the engine look at where else the member stands.
func (c *Checker) member(ctx context.Context, r *replay, want *stay, have message.Part) error {
	read, last := have.Read, want.Last(r.head.Seq)
	return c.look(ctx, record.KeyEntry(r.id, read.Seq), func(value []byte) error {
		var e chat.Entry
		switch ok := value != nil && begun(value, &e); {
		case read.Seq > last:
			return c.mendMember(ctx, r, want, have, fmt.Sprintf("has read up to %d, beyond %d", read.Seq, last))
		case hidesUpTo(have.Member) > last:
			return c.mendMember(ctx, r, want, have, fmt.Sprintf("has deleted what is up to %d for oneself, beyond %d", hidesUpTo(have.Member), last))
		case have.Got > last:
			return c.mendMember(ctx, r, want, have, fmt.Sprintf("has got what is up to %d, beyond %d", have.Got, last))
		case read.Seq < want.sent:
			return c.mendMember(ctx, r, want, have, fmt.Sprintf("has read up to %d, before its own message %d", read.Seq, want.sent))
		case !ok || e.Ordinal != read.Ordinal:
			return c.mendMember(ctx, r, want, have, fmt.Sprintf("has read up to %d with ordinal %d, the entry has %d", read.Seq, read.Ordinal, e.Ordinal))
		case c.hooks.Member == nil || !want.Current():
			return nil
		}
		return c.hooks.Member(ctx, r.id, want.User)
	})
}

// hidesUpTo is the last entry that a member has deleted for oneself; 0 for none.
func hidesUpTo(m chat.Member) chat.Seq {
	spans := m.Hidden.Spans()
	if len(spans) == 0 {
		return 0
	}
	return spans[len(spans)-1].To
}
