package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// RCP-30, RCP-32: what is deleted for oneself is gone from every way to read of that user in groups of any size, also where the node had just
// read it for that user; the others have it, and what comes behind it is there.
func TestHideInGroupsOfAnySize(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	ada, _ := signUp(t, s, "ada", "")
	bob, bobID := signUp(t, s, "bob", "")
	for n, tier := range []string{"TIER_SMALL", "TIER_MEDIUM", "TIER_LARGE"} {
		status, out := call(t, s, ada, "ConversationService/CreateGroup", map[string]any{"clientId": wireID(1_000 * n), "name": tier, "members": []any{bobID}})
		assert.Equal(t, "group", status, http.StatusOK)
		group := idOf(out["conversation"])
		status, _ = call(t, s, operatorKey, "AdminService/SetTier", map[string]any{"conversation": group, "tier": tier})
		assert.Equal(t, "tier", status, http.StatusOK)
		write := func(text string, i int) string {
			status, out := send(t, s, ada, group, 1_000*n+i+1, text)
			assert.Equal(t, "send", status, http.StatusOK)
			return fmt.Sprint(out["seq"])
		}
		texts := func(token string) string {
			var list []string
			status, out := call(t, s, token, "MessageService/ListEntries", map[string]any{"conversation": group})
			assert.Equal(t, "list", status, http.StatusOK)
			entries, _ := out["entries"].([]any)
			for _, e := range entries {
				fields, _ := e.(map[string]any)
				if text, ok := fields["text"].(string); ok {
					list = append(list, text)
				}
			}
			slices.Sort(list)
			return strings.Join(list, "")
		}
		first := write("a", 0)
		last := write("b", 1)
		assert.Equal(t, tier+" before", texts(bob), "ab")
		for i, seq := range []string{first, last} {
			status, _ = call(t, s, bob, "ReceiptService/HideEntries", map[string]any{
				"conversation": group, "spans": []any{map[string]any{"from": seq, "to": seq}},
			})
			assert.Equal(t, "hide", status, http.StatusOK)
			assert.Equal(t, tier+" afterwards", texts(bob), "ab"[i+1:])
			assert.Equal(t, tier+" for others", texts(ada), "ab")
		}
		write("c", 2)
		assert.Equal(t, tier+" behind it", texts(bob), "c")
	}
}
