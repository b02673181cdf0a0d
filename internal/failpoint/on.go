//go:build failpoint

package failpoint

import "sync"

// Enabled reports whether points do anything in this build.
const Enabled = true

// registry is what tests have set: one for the process, since the points are in code that knows no test.
//
//nolint:gochecknoglobals // exists in test builds only
var registry struct {
	sync.RWMutex
	actions map[Point]func()
}

// Set makes a point run fn, on whatever goroutine meets it; nil makes it do nothing again. fn may panic, block or count.
func Set(p Point, fn func()) {
	registry.Lock()
	defer registry.Unlock()
	if registry.actions == nil {
		registry.actions = make(map[Point]func())
	}
	if fn == nil {
		delete(registry.actions, p)
		return
	}
	registry.actions[p] = fn
}

// Hit runs what was set for the point.
func Hit(p Point) {
	registry.RLock()
	fn := registry.actions[p]
	registry.RUnlock()
	if fn != nil {
		fn()
	}
}
