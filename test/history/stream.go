package history

import "fmt"

// Seen is one entry that a device's application was given.
type Seen struct {
	Conversation uint64
	Seq          uint64
	Key          string
}

// Stream is what one device's application was given, in order, over all of its connections.
type Stream struct {
	// Device names the stream in errors.
	Device string
	Seen   []Seen
	// Withheld reports whether the server named a seq as not for this device, or the device holds it as a hole.
	Withheld func(conversation, seq uint64) bool
	// Allowed reports whether the device's user may see a seq; nil allows all.
	Allowed func(conversation, seq uint64) bool
}

// Truth is what the log holds: the key at each seq of a conversation, seq 1 first.
type Truth map[uint64][]string

// Check judges the stream: ordered and unique (every seq above the one before), reliable (what is left out was withheld),
// filtered (nothing that was not allowed), true (each entry is the log's). complete also wants it to reach every head that
// the device may see, for the conversations in it.
func (s Stream) Check(truth Truth, complete bool) error {
	last := map[uint64]uint64{}
	for i, e := range s.Seen {
		prev, known := last[e.Conversation]
		if known && e.Seq <= prev {
			return fmt.Errorf("%s: event %d: seq %d of conversation %d after seq %d", s.Device, i, e.Seq, e.Conversation, prev)
		}
		if known {
			if err := s.left(e.Conversation, prev, e.Seq-1); err != nil {
				return fmt.Errorf("event %d: %w", i, err)
			}
		}
		if s.Allowed != nil && !s.Allowed(e.Conversation, e.Seq) {
			return fmt.Errorf("%s: event %d: seq %d of conversation %d is not for this user", s.Device, i, e.Seq, e.Conversation)
		}
		log := truth[e.Conversation]
		if e.Seq == 0 || e.Seq > uint64(len(log)) {
			return fmt.Errorf("%s: event %d: seq %d of conversation %d is beyond its log of %d", s.Device, i, e.Seq, e.Conversation, len(log))
		}
		if log[e.Seq-1] != e.Key {
			return fmt.Errorf("%s: event %d: seq %d of conversation %d shows %q, the log holds %q", s.Device, i, e.Seq, e.Conversation, e.Key, log[e.Seq-1])
		}
		last[e.Conversation] = e.Seq
	}
	if !complete {
		return nil
	}
	for id, seq := range last {
		if err := s.left(id, seq, uint64(len(truth[id]))); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	return nil
}

// left wants a reason for every seq in (after, upTo] that the stream does not have.
func (s Stream) left(id, after, upTo uint64) error {
	for seq := after + 1; seq <= upTo; seq++ {
		if s.Withheld != nil && s.Withheld(id, seq) {
			continue
		}
		if s.Allowed != nil && !s.Allowed(id, seq) {
			continue
		}
		return fmt.Errorf("%s: seq %d of conversation %d is missing after %d", s.Device, seq, id, after)
	}
	return nil
}
