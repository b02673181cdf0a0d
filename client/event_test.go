package client_test

import (
	"testing"

	"github.com/throng-im/throng/client"
)

// An application that is always a little late is no reason to keep what it has taken.
func TestQueueOfABusyClient(t *testing.T) {
	t.Parallel()
	if few, many := client.QueueRoom(100), client.QueueRoom(100_000); many > few || many > 64 {
		t.Errorf("room for %d events after 100, %d after 100,000", few, many)
	}
}
