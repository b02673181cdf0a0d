package app_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// The page lists what a server tells, and nothing that none of its parts knows.
func TestMetricsAreOnTheirPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations/metrics.md")
	assert.NoError(t, "reading the page", err)
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(throng_\\w+)` \\|").FindAllSubmatch(page, -1) {
		listed[string(m[1])] = true
	}
	assert.True(t, "the page has a table", len(listed) > 40)
	cfg := settings(t)
	cfg.Tracing.Endpoint = "http://127.0.0.1:1" // nothing is sampled, so that nobody calls there
	s := begin(t, cfg)
	signUp(t, s, "lin", "")
	_, text := get(t, s.MetricsURL())
	told := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (throng_\w+) `).FindAllStringSubmatch(text, -1) {
		told[m[1]] = true
		assert.True(t, m[1]+" is on the page", listed[m[1]])
	}
	// Those with labels are told once there is something to tell.
	quiet := map[string]bool{
		"throng_gateway_closes_total": true, "throng_gateway_handshakes_total": true, "throng_message_refused_total": true,
		"throng_account_sign_ins_total": true, "throng_account_tokens_total": true,
	}
	engines := regexp.MustCompile(`^throng_(mysql|redis|near|kafka|relay|dependency)_`) // told by nodes that use them
	for name := range listed {
		if engines.MatchString(name) {
			continue
		}
		assert.True(t, name+" is told", told[name] || quiet[name])
	}
}
