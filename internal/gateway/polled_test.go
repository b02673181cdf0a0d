//go:build linux

package gateway_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/gateway"
)

// One that sends without end is read once a turn: each event would else give it one more place in the line, for good.
func TestAConnectionStandsInLineOnce(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "places", gateway.StandTwice(), 1)
}

// Whom nobody will serve any more is not taken: the connection would stay open until the process ends.
func TestNobodyIsHandedToAClosedListener(t *testing.T) {
	t.Parallel()
	for range 100 {
		assert.True(t, "it is refused", !gateway.OfferToClosed())
	}
}
