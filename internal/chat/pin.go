package chat

import (
	"encoding/binary"
	"slices"
)

// MaxPins is how many messages of one conversation are pinned at a time: one more takes the place of the one that was pinned first.
const MaxPins = 50

// MaxPinsBytes is how long [Pins] are at most: four numbers up to [MaxID] for each.
const MaxPinsBytes = MaxPins * 4 * 8

// Pin puts a message among the pinned ones of its conversation, or takes it out. The message's own entry stays as it is.
type Pin struct {
	// Target is the message.
	Target Seq
	// On: it is pinned from here on; else it is pinned no longer.
	On bool
}

// Pinned is a message that is pinned.
type Pinned struct {
	// Target is the message.
	Target Seq
	// Seq, By and TimeMS are of the entry that pinned it last.
	Seq    Seq
	By     UserID // 0: the server
	TimeMS uint64
}

// Pins are the pinned messages of a conversation, the one that was pinned last first: four varints each. It is made as a string so that what
// has it can be compared and shared.
type Pins string

// List decodes it. What is damaged comes to nothing from there on; [Pins.Valid] says so.
func (p Pins) List() []Pinned {
	list, _ := p.decode()
	return list
}

// Valid reports whether all of it can be read, and is what [Pins.After] comes to.
func (p Pins) Valid() bool {
	list, ok := p.decode()
	return ok && encodePins(list) == p
}

func (p Pins) decode() (list []Pinned, ok bool) {
	for b := []byte(p); len(b) > 0; {
		var n [4]uint64
		for i := range n {
			v, size := binary.Uvarint(b)
			if size <= 0 || v > MaxID {
				return list, false
			}
			n[i], b = v, b[size:]
		}
		next := Pinned{Target: Seq(n[0]), Seq: Seq(n[1]), By: UserID(n[2]), TimeMS: n[3]}
		known := slices.ContainsFunc(list, func(has Pinned) bool { return has.Target == next.Target || has.Seq <= next.Seq })
		if len(list) == MaxPins || next.Target == 0 || next.Seq <= next.Target || known {
			return list, false
		}
		list = append(list, next)
	}
	return list, true
}

func encodePins(list []Pinned) Pins {
	var b []byte
	for _, p := range list {
		for _, n := range []uint64{uint64(p.Target), uint64(p.Seq), uint64(p.By), p.TimeMS} {
			b = binary.AppendUvarint(b, n)
		}
	}
	return Pins(b)
}

// Has reports whether a message is pinned.
func (p Pins) Has(target Seq) bool {
	return p != "" && slices.ContainsFunc(p.List(), func(has Pinned) bool { return has.Target == target })
}

// After is what the list is once an entry stands behind it: a pin puts its target in front, what is unpinned or taken back goes, and of more
// than [MaxPins] the one that was pinned first goes. It is the one place that says so.
func (p Pins) After(e *Entry) Pins {
	switch b := e.Body.(type) {
	case Pin:
		list := p.without(b.Target)
		if b.On {
			pinned := Pinned{Target: b.Target, Seq: e.Seq, By: e.Sender, TimeMS: min(e.TimeMS, MaxID)}
			list = slices.Insert(list, 0, pinned)
		}
		return encodePins(list[:min(len(list), MaxPins)])
	case Recall:
		if p.Has(b.Target) {
			return encodePins(p.without(b.Target))
		}
	}
	return p
}

func (p Pins) without(target Seq) []Pinned {
	return slices.DeleteFunc(p.List(), func(has Pinned) bool { return has.Target == target })
}

// Seen is the part of the list that is about messages which somebody sees.
func (p Pins) Seen(sees func(Seq) bool) Pins {
	if p == "" {
		return p
	}
	return encodePins(slices.DeleteFunc(p.List(), func(has Pinned) bool { return !sees(has.Target) }))
}
