package porttest

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// SharedStreams is an adapter of the streams port, as several nodes see it.
type SharedStreams struct {
	// Append commits the next n entries of a conversation: 1, 2, 3, …
	Append func(t testing.TB, id chat.ConversationID, n int)
	// Join makes a node.
	Join func(t testing.TB) StreamsNode
	// Streams is how many there are.
	Streams int
	// Alone says why there is one node only; empty where there are several.
	Alone string
}

// StreamsNode is what one node has of the streams.
type StreamsNode struct {
	Streams queue.Streams
	// Lose cuts the node off for good: nothing that it does reaches the others, and it does not say goodbye.
	Lose func()
}

// Streams runs the rules STR-1 to STR-3 against an adapter, and that its streams are EVT-1, EVT-3 and EVT-4. Open returns a fresh one.
func Streams(t *testing.T, open func(t testing.TB) SharedStreams) {
	t.Helper()
	for _, c := range []struct {
		name    string
		several bool
		run     func(t *testing.T, s SharedStreams)
	}{
		{"STR-1 every stream is followed by one node", true, streamsOnce},
		{"STR-1 groups are apart", false, streamsGroups},
		{"STR-1 nodes come and go and nothing is lost or out of order", true, streamsChurn},
		{"STR-2 the streams of a lost node are followed by another one", true, streamsLost},
		{"STR-3 a new group gets whatever comes", false, streamsTail},
		{"STR-3 a group goes on behind what was committed", false, streamsCommit},
		{"STR-3 what was not committed comes again, on another node too", true, streamsAgain},
		{"STR-3 a group goes on where one stopped in the middle", false, streamsMiddle},
		{"an error of a follower ends nothing", false, streamsError},
		{"share waits for its followers", false, streamsWait},
		{"EVT-3 a stream is followed from any position", false, streamsAnywhere},
		{"EVT-1 a slow follower gets everything, and holds up no other stream", false, streamsSlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			if c.several && s.Alone != "" {
				t.Skip(s.Alone)
			}
			c.run(t, s)
		})
	}
}

// takeover is within which time the streams of a lost node are another's (STR-2).
const takeover = 10 * time.Second

// settled bounds what is not a matter of time.
const settled = 60 * time.Second
