//go:build cluster

package migration_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/message/content"
	"github.com/throng-im/throng/internal/store/migration"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/record"
)

// BenchmarkCopy copies a folder of entries of 200 bytes with their repeat rows, in conversations of 1,000 entries, and compares.
func BenchmarkCopy(b *testing.B) {
	const conversations, entries = 100, 1_000
	f := &folder{fs: vfs.NewMem()}
	w, err := pebble.OpenBuilder(dir, f.fs)
	assert.NoError(b, "make a folder", err)
	text := chat.Text{Text: string(make([]byte, 200))}
	put := func(key, value []byte) { assert.NoError(b, "put", w.Put(key, value)) }
	put(record.KeyMeta(record.MetaFormat), record.Number(record.Format))
	put(record.KeyMeta(record.MetaEpoch), record.Number(1))
	for id := chat.ConversationID(1); id <= conversations; id++ {
		for seq := chat.Seq(1); seq <= entries; seq++ {
			e := chat.Entry{Conversation: id, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: 1, TimeMS: 1 << 40, ClientID: client(id, int(seq)), Body: text}
			put(record.KeyEntry(id, seq), record.AppendEntry(nil, &e))
			key := record.AppendRepeatKey(nil, record.RepeatKey{Conversation: id, Sender: 1, Client: e.ClientID})
			put(key, record.AppendRepeat(nil, message.Repeat{Seq: seq, Ordinal: e.Ordinal, TimeMS: e.TimeMS, Print: content.Print(text, nil)}))
		}
	}
	assert.NoError(b, "close", w.Close())
	for b.Loop() {
		b.StopTimer()
		s := store(b, databases(b, 2), true)
		b.StartTimer()
		_, err := f.copy(b.Context(), s, migration.Options{})
		assert.NoError(b, "copy", err)
	}
	b.ReportMetric(float64(b.N)*2*conversations*entries/b.Elapsed().Seconds(), "rows/s")
}
