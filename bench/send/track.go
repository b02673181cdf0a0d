package send

// track is what one receiver has of one sender in one conversation: counters run 0, 1, 2, … without a gap.
type track struct {
	sender  uint32
	next    uint32
	missing map[uint32]struct{} // counters below next that have not come
}

// verdict says how a delivery fits.
type verdict uint8

const (
	inOrder    verdict = iota
	duplicate          // it was there already
	disordered         // a later one came before it
)

// take notes a delivery.
func (t *track) take(counter uint32) verdict {
	switch {
	case counter == t.next:
		t.next++
		return inOrder
	case counter > t.next:
		if t.missing == nil {
			t.missing = map[uint32]struct{}{}
		}
		for c := t.next; c < counter; c++ {
			t.missing[c] = struct{}{}
		}
		t.next = counter + 1
		return inOrder
	}
	if _, ok := t.missing[counter]; ok {
		delete(t.missing, counter)
		return disordered
	}
	return duplicate
}

// lacks is how many of sent are not there.
func (t *track) lacks(sent uint32) int {
	n := len(t.missing)
	if sent > t.next {
		n += int(sent - t.next)
	}
	return n
}

// view is what one receiver has of one conversation.
type view struct {
	last   uint64 // highest seq seen
	pulled uint64 // highest seq that was pulled
	tracks []track
}

func (v *view) of(sender uint32) *track {
	for i := range v.tracks {
		if v.tracks[i].sender == sender {
			return &v.tracks[i]
		}
	}
	v.tracks = append(v.tracks, track{sender: sender})
	return &v.tracks[len(v.tracks)-1]
}
