package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

const (
	// batchBytes is about how large a record batch gets before it is compressed; one event goes whatever its size.
	batchBytes = 512 << 10
	// compressFrom is from which size on compression is worth its while.
	compressFrom = 1 << 10
	// magic is the version of record batches that Kafka has had since 0.11.
	magic = 2
	// crcFrom and lengthFrom are where what the checksum covers, and what the length counts, begin in a record batch.
	crcFrom, lengthFrom = 21, 12
)

// encoder writes events as a record batch of Kafka. It may be used from any goroutine.
type encoder struct {
	compressor kgo.Compressor
	checksums  *crc32.Table
	buffers    *sync.Pool // of *bytes.Buffer
}

func newEncoder() (encoder, error) {
	c, err := kgo.DefaultCompressor(kgo.Lz4Compression())
	if err != nil {
		return encoder{}, fmt.Errorf("making a compressor: %w", err)
	}
	return encoder{
		compressor: c, checksums: crc32.MakeTable(crc32.Castagnoli), buffers: &sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}, nil
}

// encode writes as many of the events as one batch holds, and returns it with their number.
func (e encoder) encode(events []chat.Event, now time.Time) (batch []byte, n int) {
	var records, value, fields []byte
	for n < len(events) && (n == 0 || len(records) < batchBytes) {
		key := binary.BigEndian.AppendUint64(nil, uint64(events[n].Head.Conversation))
		value = record.AppendStreamEvent(value[:0], events[n])
		fields = append(fields[:0], 0, 0) // no attributes; the time is the batch's
		fields = binary.AppendVarint(fields, int64(n))
		fields = binary.AppendVarint(fields, int64(len(key)))
		fields = append(fields, key...)
		fields = binary.AppendVarint(fields, int64(len(value)))
		records = binary.AppendVarint(records, int64(len(fields)+len(value)+1))
		records = append(append(records, fields...), value...)
		records = append(records, 0) // no headers
		n++
	}
	at := now.UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: magic, LastOffsetDelta: int32(n - 1), FirstTimestamp: at, MaxTimestamp: at,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(n), Records: records,
	}
	if len(records) >= compressFrom {
		buffer, ok := e.buffers.Get().(*bytes.Buffer)
		if !ok {
			buffer = new(bytes.Buffer)
		}
		defer e.buffers.Put(buffer)
		buffer.Reset()
		small, codec := e.compressor.Compress(buffer, records)
		if len(small) < len(records) {
			b.Records, b.Attributes = small, int16(codec)
		}
	}
	batch = b.AppendTo(make([]byte, 0, 61+len(b.Records)))
	binary.BigEndian.PutUint32(batch[crcFrom-4:], crc32.Checksum(batch[crcFrom:], e.checksums))
	binary.BigEndian.PutUint32(batch[lengthFrom-4:], uint32(len(batch)-lengthFrom))
	return batch, n
}
