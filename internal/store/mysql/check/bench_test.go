//go:build cluster

package check_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/check"
)

// BenchmarkCheck checks 400 groups of 25 members with 100 messages each, in two databases: 40,000 entries, 10,000 members and rows of lists.
func BenchmarkCheck(b *testing.B) {
	const groups, members, messages = 400, 25, 100
	l := newLand(b)
	first, err := l.s.Reserve(b.Context(), groups)
	assert.NoError(b, "ids", err)
	for g := range chat.ConversationID(groups) {
		c := chat.Created{Kind: chat.KindGroup, Name: "group"}
		for m := range chat.UserID(members) {
			c.Members = append(c.Members, chat.UserID(g)*7%1_000+m+1)
		}
		drafts := []*chat.Draft{{Conversation: first + g, Sender: c.Members[0], Body: c}}
		for n := range messages {
			drafts = append(drafts, l.words(first+g, c.Members[n%members], "a text of some words, as people write them"))
		}
		l.append(drafts...)
	}
	_, err = l.dbs[0].ExecContext(b.Context(), "UPDATE meta SET number=1000000 WHERE name='account last user'")
	assert.NoError(b, "ids of users", err)
	r, _ := l.run(check.Options{Mend: true, Shelf: true})
	assert.Equal(b, "rows", r.Repaired, groups*members)
	for b.Loop() {
		if r, said := l.run(check.Options{}); r.Damage > 0 {
			b.Fatal(said[0])
		}
	}
	b.ReportMetric(float64(b.N)*groups*(2*messages+2*members)/b.Elapsed().Seconds(), "rows/s")
}
