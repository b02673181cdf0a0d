package timeline

// aging is a map of bounded size that forgets what was put or used least recently, half of it at a time: entries live in
// the young half until it is full, then it becomes the old half and the old one goes.
type aging[K comparable, V any] struct {
	young, old map[K]V
	half       int
}

func newAging[K comparable, V any](limit int) *aging[K, V] {
	return &aging[K, V]{young: make(map[K]V), old: make(map[K]V), half: max(limit/2, 1)}
}

// get makes what it finds young again, which may drop the old half.
func (a *aging[K, V]) get(k K) (V, bool) {
	v, ok := a.young[k]
	if ok {
		return v, true
	}
	if v, ok = a.old[k]; ok {
		a.put(k, v)
	}
	return v, ok
}

// peek drops nothing.
func (a *aging[K, V]) peek(k K) (V, bool) {
	v, ok := a.young[k]
	if !ok {
		v, ok = a.old[k]
	}
	return v, ok
}

// put adds or replaces; it may drop the old half.
func (a *aging[K, V]) put(k K, v V) {
	if _, ok := a.young[k]; !ok && len(a.young) >= a.half {
		a.old, a.young = a.young, make(map[K]V, a.half)
	}
	delete(a.old, k)
	a.young[k] = v
}

// change replaces the value of a key that is there, in place; it drops nothing.
func (a *aging[K, V]) change(k K, v V) {
	if _, ok := a.young[k]; ok {
		a.young[k] = v
	} else if _, ok := a.old[k]; ok {
		a.old[k] = v
	}
}
