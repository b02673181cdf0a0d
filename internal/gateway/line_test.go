package gateway_test

import (
	"testing"

	"github.com/throng-im/throng/internal/gateway"
)

// A line in which somebody stands at any time does not grow: only who stands in it takes room.
func TestALineThatIsNeverEmptyStaysSmall(t *testing.T) {
	t.Parallel()
	const people = 300
	if n := gateway.LineRoom(people, 1_000*people); n > 4*people {
		t.Errorf("room for %d, where %d stand", n, people)
	}
}
