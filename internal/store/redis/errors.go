package redis

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
)

// errTimeout says that an answer did not come in time, though the caller was ready to wait on.
var errTimeout = errors.New("no answer in time")

// unavailable translates an error of a call. What the call would have written may have been written all the same; nothing that is
// in Redis stands for something that a caller was promised.
func unavailable(err error, doing string) error {
	var known *chat.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "%s: the caller gave up", doing)
	case errors.Is(err, breaker.ErrOpen):
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: Redis has not answered of late", doing)
	default:
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: Redis does not answer", doing)
	}
}

// refusal translates an error of a check: where the server said no, somebody has to change its settings or ours.
func refusal(err error, doing string) error {
	var said *rueidis.RedisError
	if !errors.As(err, &said) || failed(said) {
		return unavailable(err, doing)
	}
	return chat.Wrap(err, chat.CodeFailedPrecondition, chat.ReasonUnsupported,
		"Redis refuses what nodes do; look at redis.username, redis.password and redis.cluster, and at what the user may do (docs/operations/cluster.md)")
}

// inDoubt is the answer where what was asked for stands, and Redis was not told.
func inDoubt(err error, doing string) error {
	return chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "%s: it may stand although other devices were not told; do it again", doing)
}

// failed reports that an answer says that the server cannot serve anybody now, or that there is none.
func failed(err error) bool {
	if err == nil || rueidis.IsRedisNil(err) {
		return false
	}
	e, ok := rueidis.IsRedisErr(err)
	return !ok || e.IsLoading() || e.IsClusterDown() || e.IsTryAgain() || strings.HasPrefix(e.Error(), "READONLY") ||
		strings.HasPrefix(e.Error(), "MASTERDOWN")
}
