package kafka

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// fetchWait is how long a broker may hold a fetch back that has nothing. A partition that is read again after a pause may wait as
	// long, where the others of its broker are quiet.
	fetchWait = 250 * time.Millisecond
	// queuedRecords and queuedBytes are from where on a partition is paused; it is read again below half of them. One fetch may come
	// on top.
	queuedRecords = 5_000
	queuedBytes   = 4 << 20
	// partitionBytes is how much of a partition one fetch brings, and fetchBytes how much in all.
	partitionBytes = 1 << 20
	fetchBytes     = 8 << 20
	// batchRecords is how many records a follower is handed at once.
	batchRecords = 500
)

// reader fetches the partitions of a group's streams, each from a position of its own. One goroutine owns the client's assignment
// and hands records on: so that no record of an earlier reading reaches a later one of the same partition.
type reader struct {
	// immutable after construction
	client  *kgo.Client
	topic   string
	pauses  func()
	unknown func() // is told where the brokers do not know the topic that the client has

	// guarded by mu
	mu        sync.Mutex
	orders    []func()           // for the loop
	interrupt context.CancelFunc // ends the poll that is under way
	closed    bool

	// owned by the loop
	readings map[int32]*reading
}

func newReader(opts []kgo.Opt, topic string, pauses, unknown func()) (*reader, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.FetchMaxWait(fetchWait), kgo.FetchMaxPartitionBytes(partitionBytes), kgo.FetchMaxBytes(fetchBytes),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	}, opts...)...)
	if err != nil {
		return nil, errSettings("the settings of kafka: %v", err)
	}
	return &reader{client: client, topic: topic, pauses: pauses, unknown: unknown, readings: make(map[int32]*reading)}, nil
}

// run polls until ctx ends or the client is closed. Readings fail then.
func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		poll, cancel := context.WithCancel(ctx)
		r.mu.Lock()
		orders := r.orders
		r.orders, r.interrupt = nil, cancel
		r.mu.Unlock()
		if len(orders) > 0 {
			for _, order := range orders {
				order()
			}
			cancel()
			continue
		}
		fetches := r.client.PollFetches(poll)
		cancel()
		if fetches.IsClientClosed() {
			break
		}
		fetches.EachPartition(r.hand)
	}
	r.mu.Lock()
	r.closed = true
	orders := r.orders
	r.mu.Unlock()
	for _, order := range orders {
		order()
	}
	for _, p := range r.readings {
		p.fail(errClosed())
	}
}

// hand gives a partition's records to who reads it now.
func (r *reader) hand(p kgo.FetchTopicPartition) {
	reading := r.readings[p.Partition]
	if reading == nil || p.Topic != r.topic {
		return // an interrupted poll, or a reading that has ended
	}
	if len(p.Records) > 0 && reading.put(p.Records, p.HighWatermark) {
		r.pauses()
		r.client.PauseFetchPartitions(map[string][]int32{r.topic: {p.Partition}})
		reading.paused()
	}
	switch {
	case p.Err == nil:
	case errors.Is(p.Err, kerr.OffsetOutOfRange):
		reading.fail(errGone(reading.at(), -1))
	case errors.Is(p.Err, kerr.UnknownTopicID):
		r.unknown()
		reading.fail(failure(p.Err, "reading a stream"))
	default:
		reading.fail(failure(p.Err, "reading a stream"))
	}
}

// do has the loop do something before it polls again.
func (r *reader) do(order func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.orders = append(r.orders, order)
	if r.interrupt != nil {
		r.interrupt()
	}
}

// begin reads a partition from an offset on, until end.
func (r *reader) begin(partition int32, from int64) *reading {
	p := &reading{
		next: from, come: make(chan struct{}, 1),
		resume: func() { r.client.ResumeFetchPartitions(map[string][]int32{r.topic: {partition}}) },
	}
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed {
		p.fail(errClosed())
		return p
	}
	r.do(func() {
		r.readings[partition] = p
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: {partition: kgo.NewOffset().At(from)}})
	})
	return p
}

func (r *reader) end(partition int32, p *reading) {
	r.do(func() {
		if r.readings[partition] != p {
			return
		}
		delete(r.readings, partition)
		r.client.RemoveConsumePartitions(map[string][]int32{r.topic: {partition}})
		r.client.ResumeFetchPartitions(map[string][]int32{r.topic: {partition}})
	})
}

// reading is a partition as it is read from one position on.
type reading struct {
	// immutable after construction
	come   chan struct{} // a token: look
	resume func()

	// guarded by mu
	mu      sync.Mutex
	queue   []*kgo.Record
	bytes   int
	next    int64 // offset of the first record that has not come
	tail    int64 // end of the partition, as of the last fetch
	waiting bool  // paused
	err     error
}

// put takes records, and reports that there are enough of them.
func (p *reading) put(records []*kgo.Record, tail int64) (enough bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail = tail
	for _, r := range records {
		if r.Offset < p.next {
			continue
		}
		p.queue = append(p.queue, r)
		p.bytes += len(r.Value)
		p.next = r.Offset + 1
	}
	p.signal()
	return !p.waiting && (len(p.queue) >= queuedRecords || p.bytes >= queuedBytes)
}

// paused notes that the partition is paused, unless its follower was quicker.
func (p *reading) paused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = true
	p.relieve()
}

// relieve has the partition read again when there is room.
func (p *reading) relieve() {
	if p.waiting && len(p.queue) < queuedRecords/2 && p.bytes < queuedBytes/2 {
		p.waiting = false
		p.resume()
	}
}

func (p *reading) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.signal()
}

func (p *reading) at() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

func (p *reading) signal() {
	select {
	case p.come <- struct{}{}:
	default: // there is a token
	}
}

// take waits for records and returns some of them with the end of the partition. What came before an error comes first.
func (p *reading) take(ctx context.Context) (records []*kgo.Record, tail int64, err error) {
	for {
		p.mu.Lock()
		if n := min(len(p.queue), batchRecords); n > 0 {
			records = append(records, p.queue[:n]...)
			p.queue = slices.Delete(p.queue, 0, n) // which lets go of what they hold
			for _, r := range records {
				p.bytes -= len(r.Value)
			}
			p.relieve()
			tail = p.tail
			p.mu.Unlock()
			return records, tail, nil
		}
		err := p.err
		p.mu.Unlock()
		if err != nil {
			return nil, 0, err
		}
		select {
		case <-p.come:
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
}
