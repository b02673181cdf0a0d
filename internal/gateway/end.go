package gateway

import (
	"math/rand/v2"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// revocation ends sessions of a user.
type revocation struct {
	user    chat.UserID
	devices []chat.DeviceID // nil: all
	code    throngv1.CloseCode
	why     chat.Reason
	at      int64  // when the loop was told
	number  uint64 // which of the loop's revocations it is
}

func (r *revocation) covers(device chat.DeviceID) bool {
	return r.devices == nil || slices.Contains(r.devices, device)
}

func (r *revocation) err() error {
	if r.code == throngv1.CloseCode_CLOSE_CODE_USER_GONE {
		return chat.Errorf(chat.CodeForbidden, chat.ReasonUserDisabled, "the user is disabled or gone")
	}
	if r.why == chat.ReasonDisplaced {
		return chat.Errorf(chat.CodeUnauthenticated, chat.ReasonDisplaced, "the device was signed out for one that signed in")
	}
	return chat.Errorf(chat.CodeUnauthenticated, chat.ReasonSignedOut, "the device was signed out")
}

// revoke ends the sessions and remembers the revocation for as long as a token that was good before it may still be under
// way through a worker.
func (l *loop) revoke(r revocation) {
	l.revokes++
	r.at, r.number = l.now, l.revokes
	keep := l.now - l.srv.cfg.AuthTimeout.Milliseconds()
	l.revoked = append(slices.DeleteFunc(l.revoked, func(old revocation) bool { return old.at < keep }), r)
	for c := l.users[r.user]; c != nil; {
		next := c.next
		if r.covers(c.session.Who().Device) {
			c.session.End(r.code, string(r.why), 0)
			l.after(c)
		}
		c = next
	}
}

// revokedSince finds a revocation that the loop was told of after an authentication began: the check of the token may have
// been made before the revocation.
func (l *loop) revokedSince(who account.Identity, began uint64) *revocation {
	for i := range l.revoked {
		if r := &l.revoked[i]; r.user == who.User && r.number > began && r.covers(who.Device) {
			return r
		}
	}
	return nil
}

// drainSlice is a loop's part of a drain.
type drainSlice struct {
	share   float64 // of the connections that there are, 0 to 1
	spread  uint32  // clients come back within this many milliseconds
	left    chan<- int
	hurried bool // do not wait for answers any more
}

// drain asks a share of the connections to end, the later slots first; it answers with how many are left. Callers whose
// handshake is not over are not asked, nor waited for: they are about to be refused, or were, or are net/http's.
func (l *loop) drain(d *drainSlice) {
	n, left := int(float64(l.slab.used)*d.share+0.999), 0
	l.slab.all(func(c *conn) bool {
		if c.from == nil {
			return true
		}
		left++
		if c.flags.has(flagClosing) {
			return true
		}
		if !d.hurried {
			if n == 0 || c.session.Draining() {
				return true
			}
			n--
		}
		retry := uint32(0)
		if d.spread > 0 {
			retry = rand.Uint32N(d.spread) //nolint:gosec // spreads load, guards nothing
		}
		c.session.Drain(retry)
		if d.hurried {
			c.session.End(throngv1.CloseCode_CLOSE_CODE_DRAIN, string(chat.ReasonDraining), retry)
		}
		if l.after(c); c.id == 0 {
			left--
		}
		return true
	})
	d.left <- left
}
