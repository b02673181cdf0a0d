package chat

import (
	"cmp"
	"encoding/binary"
	"slices"
)

const (
	// maxOrdinals is how many ordinals are remembered, and ordinalsSpan how far apart the lowest and the highest may be: unread counts are
	// shown up to 99.
	maxOrdinals  = 32
	ordinalsSpan = 1 << 14
	// MaxOrdinalsBytes is how long [Ordinals] are at most: a varint of up to 10 bytes, and two bytes for each that follows.
	MaxOrdinalsBytes = 10 + 2*maxOrdinals
)

// Ordinals is a small set of the ordinals of messages, the newest ones where there were more. It is made as a string so that what has one
// can be compared and is never written to: the highest as a varint, then how far each is below the one before, as varints.
type Ordinals string

// ParseOrdinals reads what a record has; ok is false for what no set is written as.
func ParseOrdinals(b []byte) (o Ordinals, ok bool) {
	if len(b) > MaxOrdinalsBytes {
		return "", false
	}
	o = Ordinals(b)
	list := o.List()
	for i, n := range list {
		if n == 0 || i > 0 && n >= list[i-1] {
			return "", false
		}
	}
	return o, ordinals(list) == o
}

// Add returns the set with one more.
func (o Ordinals) Add(n Ordinal) Ordinals {
	list := o.List()
	at, found := slices.BinarySearchFunc(list, n, func(a, b Ordinal) int { return cmp.Compare(b, a) })
	if found || n == 0 {
		return o
	}
	list = slices.Insert(list, at, n)
	for len(list) > maxOrdinals || list[0]-list[len(list)-1] >= ordinalsSpan {
		list = list[:len(list)-1]
	}
	return ordinals(list)
}

// Count is how many of the set lie above after, up to upTo.
func (o Ordinals) Count(after, upTo Ordinal) int {
	n := 0
	for _, has := range o.List() {
		if has > after && has <= upTo {
			n++
		}
	}
	return n
}

// Unread is how many messages lie between a read position and the head, without those that were recalled.
func (h Head) Unread(read Read) uint64 {
	if h.Ordinal <= read.Ordinal {
		return 0 // a head that is capped at a removal may lie below what was read as a member of before
	}
	return uint64(h.Ordinal-read.Ordinal) - uint64(h.Recalled.Count(read.Ordinal, h.Ordinal))
}

// List returns the ordinals, descending.
func (o Ordinals) List() []Ordinal {
	if o == "" {
		return nil
	}
	out := make([]Ordinal, 0, 8)
	for b := []byte(o); len(b) > 0; {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return nil
		}
		b = b[size:]
		if len(out) > 0 {
			n = uint64(out[len(out)-1]) - n
		}
		out = append(out, Ordinal(n))
	}
	return out
}

func ordinals(list []Ordinal) Ordinals {
	var b []byte
	for i, n := range list {
		if i > 0 {
			n = list[i-1] - n
		}
		b = binary.AppendUvarint(b, uint64(n))
	}
	return Ordinals(b)
}
