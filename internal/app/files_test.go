package app_test

import (
	"testing"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
)

// Who is handed to net/http by the loops has another descriptor there than the one that they looked at: it is looked at again, or
// idle callers would take those of the store.
func TestCallersOfNetHTTPLeaveFiles(t *testing.T) {
	t.Parallel()
	assert.True(t, "they do", app.Sparing(begin(t, settings(t)).App))
}
