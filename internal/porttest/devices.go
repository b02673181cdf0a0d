package porttest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// ClusterDevices is an adapter of the devices.
type ClusterDevices struct {
	// Join adds a node, whose adapter says what it has to say to replaced.
	Join func(t testing.TB, node cluster.Node, replaced func(cluster.Replaced)) cluster.Devices
	// Noted waits until the adapter has taken in, for all nodes, that a session of a node is the newest of its device.
	Noted func(t testing.TB, session cluster.Replaced)
	// Report is within which time an adapter says again what is so.
	Report time.Duration
}

// Devices runs the rules of cluster.Devices against an adapter. Open returns a deployment without nodes.
func Devices(t *testing.T, open func(t testing.TB) ClusterDevices) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, d *doors)
	}{
		{"DEV-1 the session that opened last stays, wherever it goes", devicesWander},
		{"DEV-2 whoever is still open is told again", devicesTellAgain},
		{"DEV-3 the highest number of a node counts", devicesOfOneNode},
		{"DEV-4 what is closed replaces nothing", devicesClosed},
		{"DEV-5 devices know nothing of each other", devicesApart},
		{"DEV-1 many at once", devicesMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, &doors{ClusterDevices: open(t)})
		})
	}
}

// doors are nodes and what they were told.
type doors struct {
	ClusterDevices

	mu   sync.Mutex
	told map[cluster.Node][]cluster.Replaced
}

func (d *doors) join(t testing.TB, node cluster.Node) *door {
	t.Helper()
	return &door{doors: d, node: node, Devices: d.Join(t, node, func(r cluster.Replaced) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.told == nil {
			d.told = make(map[cluster.Node][]cluster.Replaced)
		}
		d.told[node] = append(d.told[node], r)
	})}
}

// all is what nodes were told, each thing once.
func (d *doors) all() []cluster.Replaced {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []cluster.Replaced
	for _, list := range d.told {
		for _, r := range list {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// count is how often somebody, or one node, was told.
func (d *doors) count(of cluster.Replaced, node cluster.Node) (times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, list := range d.told {
		for _, r := range list {
			if r == of && (node == "" || n == node) {
				times++
			}
		}
	}
	return times
}

// hears waits until somebody is told, or one node as often.
func (d *doors) hears(t testing.TB, want cluster.Replaced, node cluster.Node, times int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Duration(times)*d.Report + seenWithin); ; {
		heard := d.count(want, node)
		if heard >= times {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%+v was told %d times to %q, not %d times", want, heard, node, times)
		}
	}
}

// door is the gateway of a node.
type door struct {
	*doors
	cluster.Devices

	node cluster.Node
}

// open opens a session: what is opened after it returned is newer.
func (d *door) open(t testing.TB, user chat.UserID, device chat.DeviceID, session uint64) {
	t.Helper()
	d.Opened(user, device, session)
	d.Noted(t, d.session(user, device, session))
}

func (d *door) session(user chat.UserID, device chat.DeviceID, session uint64) cluster.Replaced {
	return cluster.Replaced{Node: d.node, User: user, Device: device, Session: session}
}

func devicesWander(t *testing.T, d *doors) {
	a, b, c := d.join(t, "a"), d.join(t, "b"), d.join(t, "c")
	a.open(t, 7, 1, 10)
	b.open(t, 7, 1, 5) // numbers of two nodes say nothing
	d.hears(t, a.session(7, 1, 10), "", 1)
	a.Closed(7, 1, 10)
	c.open(t, 7, 1, 20)
	d.hears(t, b.session(7, 1, 5), "", 1)
	b.Closed(7, 1, 5)
	a.open(t, 7, 1, 11)
	d.hears(t, c.session(7, 1, 20), "", 1)
	c.Closed(7, 1, 20)
	<-time.After(d.Report * 5 / 4) // the newest stays, through everybody's reports
	for _, r := range d.all() {
		assert.True(t, fmt.Sprintf("not of the newest: %+v", r), r != a.session(7, 1, 11))
	}
}

func devicesTellAgain(t *testing.T, d *doors) {
	a, b := d.join(t, "a"), d.join(t, "b")
	a.open(t, 7, 1, 10)
	b.open(t, 7, 1, 5)
	d.hears(t, a.session(7, 1, 10), "a", 2)
	a.Closed(7, 1, 10)
	told := d.count(a.session(7, 1, 10), "a")
	a.open(t, 7, 2, 11)
	b.open(t, 7, 2, 6)
	d.hears(t, a.session(7, 2, 11), "a", 3) // as often, at the least, it would have been told of the other one
	assert.True(t, "no more, once it is closed", d.count(a.session(7, 1, 10), "a") <= told+1)
	assert.Equal(t, "nothing else", len(d.all()), 2)
}

func devicesOfOneNode(t *testing.T, d *doors) {
	a, b := d.join(t, "a"), d.join(t, "b")
	b.Opened(7, 1, 8)
	b.Opened(7, 1, 7)
	b.Closed(7, 1, 7)
	b.Noted(t, b.session(7, 1, 8))
	b.open(t, 7, 1, 9)
	assert.Equal(t, "nothing of its own", d.all(), []cluster.Replaced(nil))
	a.open(t, 7, 1, 3)
	d.hears(t, b.session(7, 1, 9), "", 1)
	assert.Equal(t, "that one alone", d.all(), []cluster.Replaced{b.session(7, 1, 9)})
}

func devicesClosed(t *testing.T, d *doors) {
	a, b := d.join(t, "a"), d.join(t, "b")
	a.open(t, 7, 1, 10)
	a.Closed(7, 1, 10)
	b.open(t, 7, 1, 5)
	<-time.After(d.Report * 5 / 4)
	for _, r := range d.all() {
		assert.Equal(t, "at most what is closed", r, a.session(7, 1, 10))
	}
	a.open(t, 7, 1, 11)
	d.hears(t, b.session(7, 1, 5), "", 1)
}

func devicesApart(t *testing.T, d *doors) {
	a, b := d.join(t, "a"), d.join(t, "b")
	a.open(t, 7, 1, 10)
	a.open(t, 7, 2, 11)
	a.open(t, 8, 1, 12)
	b.open(t, 7, 1, 10)
	d.hears(t, a.session(7, 1, 10), "", 1)
	b.open(t, 9, 2, 11)
	assert.Equal(t, "that one alone", d.all(), []cluster.Replaced{a.session(7, 1, 10)})
}

func devicesMany(t *testing.T, d *doors) {
	const many = 300
	a, b := d.join(t, "a"), d.join(t, "b")
	for n := range many {
		a.Opened(chat.UserID(n/3+1), chat.DeviceID(n%3+1), uint64(n+1))
	}
	for n := range many {
		a.Noted(t, a.session(chat.UserID(n/3+1), chat.DeviceID(n%3+1), uint64(n+1)))
	}
	for n := range many {
		b.Opened(chat.UserID(n/3+1), chat.DeviceID(n%3+1), uint64(n+1))
	}
	for n := range many {
		d.hears(t, a.session(chat.UserID(n/3+1), chat.DeviceID(n%3+1), uint64(n+1)), "", 1)
	}
	assert.Equal(t, "those of a", len(d.all()), many)
}
