package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// relateEvery is how often somebody says something about somebody else, on average.
const relateEvery = time.Second

// relate has users ask each other to be friends, answer, end it, block each other and choose whom they take messages of, until the world
// heals. What is refused is refused; what comes of it is judged by [World.agreed]. It draws from a source of its own, like [World.govern].
func (w *World) relate(rng *rand.Rand, until time.Time) {
	for {
		time.Sleep(time.Duration(rng.ExpFloat64() * float64(relateEvery)))
		if time.Now().After(until) {
			return
		}
		a := rng.IntN(len(w.users))
		b := (a + 1 + rng.IntN(len(w.users)-1)) % len(w.users)
		user, other := w.users[a], uint64(w.users[b])
		n, on := rng.IntN(20), rng.IntN(3) == 0
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
		what, err := say(ctx, w.as(user), other, n, on)
		cancel()
		w.step("user %d %s %d: %v", user, what, other, err)
	}
}

// say does one thing about somebody. Blocks and strict settings are taken back more often than not, so that people go on talking.
func say(ctx context.Context, api *client.API, other uint64, n int, on bool) (what string, err error) {
	s := api.Social
	switch {
	case n < 6:
		_, err = s.RequestFriend(ctx, connect.NewRequest(&throngv1.RequestFriendRequest{User: other, Note: "hi"}))
		return "asks", err
	case n < 9:
		_, err = s.AcceptFriend(ctx, connect.NewRequest(&throngv1.AcceptFriendRequest{User: other}))
		return "accepts", err
	case n < 11:
		_, err = s.RefuseFriend(ctx, connect.NewRequest(&throngv1.RefuseFriendRequest{User: other}))
		return "refuses", err
	case n < 13:
		_, err = s.WithdrawRequest(ctx, connect.NewRequest(&throngv1.WithdrawRequestRequest{User: other}))
		return "withdraws from", err
	case n < 15:
		_, err = s.Unfriend(ctx, connect.NewRequest(&throngv1.UnfriendRequest{User: other}))
		return "unfriends", err
	case n < 18:
		_, err = s.SetBlock(ctx, connect.NewRequest(&throngv1.SetBlockRequest{User: other, Block: on}))
		return fmt.Sprintf("sets a block to %v for", on), err
	default:
		from := throngv1.MessagesFrom_MESSAGES_FROM_ALL
		if on {
			from = throngv1.MessagesFrom_MESSAGES_FROM_FRIENDS
		}
		_, err = s.UpdatePrivacy(ctx, connect.NewRequest(&throngv1.UpdatePrivacyRequest{MessagesFrom: from}))
		return fmt.Sprintf("takes messages of %s, and not of", from), err
	}
}

// agreed asks whether users who have said something about each other come to the same (REL-3, REL-6).
func (w *World) agreed() error {
	lists := make(map[client.UserID]map[uint64]*throngv1.Relation, len(w.users))
	for _, user := range w.users {
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
		resp, err := w.as(user).Social.ListRelations(ctx, connect.NewRequest(&throngv1.ListRelationsRequest{}))
		cancel()
		if err != nil {
			return fmt.Errorf("the list of user %d: %w", user, err)
		}
		lists[user] = make(map[uint64]*throngv1.Relation)
		for _, r := range resp.Msg.GetRelations() {
			lists[user][r.GetUser()] = r
		}
	}
	opposite := map[throngv1.Friendship]throngv1.Friendship{
		throngv1.Friendship_FRIENDSHIP_REQUESTED: throngv1.Friendship_FRIENDSHIP_INCOMING,
		throngv1.Friendship_FRIENDSHIP_INCOMING:  throngv1.Friendship_FRIENDSHIP_REQUESTED,
		throngv1.Friendship_FRIENDSHIP_FRIENDS:   throngv1.Friendship_FRIENDSHIP_FRIENDS,
	}
	for user, list := range lists {
		for other, r := range list {
			back := lists[client.UserID(other)][uint64(user)]
			hidden := r.GetFriendship() == throngv1.Friendship_FRIENDSHIP_REQUESTED && back.GetBlocked() // of who is blocked no request is seen
			if want := opposite[r.GetFriendship()]; back.GetFriendship() != want && !hidden && (want != 0 || back.GetFriendship() != throngv1.Friendship_FRIENDSHIP_REQUESTED || !r.GetBlocked()) {
				return fmt.Errorf("for user %d there is %s with user %d, for whom it is %s", user, r.GetFriendship(), other, back.GetFriendship())
			}
		}
	}
	return nil
}
