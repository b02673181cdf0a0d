//go:build cluster

package people_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/mysql/people"
)

// turns are nodes that are asked in turn: what one has done the next one has to know.
type turns struct {
	nodes []*people.Accounts
	n     atomic.Uint32
}

func (t *turns) next() *people.Accounts { return t.nodes[t.n.Add(1)%uint32(len(t.nodes))] }

func (t *turns) Create(ctx context.Context, accounts []account.Account, terms account.Terms) ([]account.Made, error) {
	return t.next().Create(ctx, accounts, terms)
}

func (t *turns) Accounts(ctx context.Context, ids []chat.UserID) ([]account.Account, error) {
	return t.next().Accounts(ctx, ids)
}

func (t *turns) ByHandle(ctx context.Context, handle string) (account.Account, error) {
	return t.next().ByHandle(ctx, handle)
}

func (t *turns) ByExternal(ctx context.Context, external string) (account.Account, error) {
	return t.next().ByExternal(ctx, external)
}

func (t *turns) Update(ctx context.Context, id chat.UserID, fn func(*account.Account) error, e account.Ending) (account.Account, []chat.DeviceID, error) {
	return t.next().Update(ctx, id, fn, e)
}

func (t *turns) List(ctx context.Context, after chat.UserID, limit int) ([]account.Account, error) {
	return t.next().List(ctx, after, limit)
}

func (t *turns) Delete(ctx context.Context, id chat.UserID, atMS uint64) error {
	return t.next().Delete(ctx, id, atMS)
}

func (t *turns) Administrators(ctx context.Context) (int, error) { return t.next().Administrators(ctx) }

func (t *turns) Add(ctx context.Context, d account.Device, r account.Room) (account.Device, []chat.DeviceID, error) {
	return t.next().Add(ctx, d, r)
}

func (t *turns) Device(ctx context.Context, user chat.UserID, id chat.DeviceID) (account.Device, error) {
	return t.next().Device(ctx, user, id)
}

func (t *turns) Devices(ctx context.Context, user chat.UserID) ([]account.Device, error) {
	return t.next().Devices(ctx, user)
}

func (t *turns) UpdateDevice(ctx context.Context, user chat.UserID, id chat.DeviceID, fn func(*account.Device) error) (account.Device, error) {
	return t.next().UpdateDevice(ctx, user, id, fn)
}

func (t *turns) Touch(ctx context.Context, uses []account.Use) error {
	return t.next().Touch(ctx, uses)
}

func (t *turns) Invite(ctx context.Context, i account.Invitation) error {
	return t.next().Invite(ctx, i)
}

func (t *turns) Invitation(ctx context.Context, code account.Hash) (account.Invitation, error) {
	return t.next().Invitation(ctx, code)
}

func (t *turns) Prune(ctx context.Context, beforeMS uint64) error {
	return t.next().Prune(ctx, beforeMS)
}

func inTurns(t testing.TB, dsns []string) porttest.AccountStore {
	t.Helper()
	first, second := node(t, dsns), node(t, dsns)
	a := &turns{nodes: []*people.Accounts{people.New(first), people.New(second)}}
	return porttest.AccountStore{
		Shared: true,
		Users:  a, Devices: a, Invitations: a,
		Close: func() error { _ = first.Close(); return second.Close() },
		Crash: func(t testing.TB) porttest.AccountStore { return inTurns(t, dsns) },
	}
}

func TestAccountsOfTwoNodes(t *testing.T) {
	t.Parallel()
	porttest.Accounts(t, func(t testing.TB) porttest.AccountStore { return inTurns(t, databases(t, 2)) })
}
