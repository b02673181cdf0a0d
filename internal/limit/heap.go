package limit

// byFull is a heap of buckets, the one that is full first on top.
type byFull[K comparable] []*bucket[K]

// Len implements heap.Interface.
func (h byFull[K]) Len() int { return len(h) }

// Less implements heap.Interface.
func (h byFull[K]) Less(i, j int) bool { return h[i].full < h[j].full }

// Swap implements heap.Interface.
func (h byFull[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *byFull[K]) Push(x any) {
	b, ok := x.(*bucket[K])
	if !ok {
		return
	}
	b.index = len(*h)
	*h = append(*h, b)
}

// Pop implements heap.Interface.
func (h *byFull[K]) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
