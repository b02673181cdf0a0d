package sim

import (
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// faults are the kinds of trouble that a world knows; each seed turns on some of them.
type faults struct {
	// trouble of the surroundings
	resets, silence, outages, latency, stalls, crashes, stops, clocks bool
	// what people do that not everybody does
	restarts, signOuts, dissolves, twice bool
}

func drawFaults(rng *rand.Rand) faults {
	some := func() bool { return rng.IntN(2) == 0 }
	rare := func() bool { return rng.IntN(3) == 0 }
	return faults{
		resets: some(), silence: some(), outages: some(), latency: some(), stalls: some(), crashes: some(), stops: some(), clocks: rare(),
		restarts: some(), signOuts: rare(), dissolves: some(), twice: rare(),
	}
}

const (
	faultEvery = 4 * time.Second // on average
	maxLatency = 1500 * time.Millisecond
	maxOutage  = 20 * time.Second
	maxStall   = 40 * time.Second // more than the gateway has patience
	maxJump    = 24 * time.Hour
)

// trouble makes faults happen until the world heals.
func (w *World) trouble(until time.Time) {
	for {
		wait := time.Duration(w.rng.ExpFloat64() * float64(faultEvery))
		if time.Now().Add(wait).After(until) {
			return
		}
		time.Sleep(wait)
		if err := w.oneFault(); err != nil {
			w.fail(err)
			return
		}
	}
}

func (w *World) oneFault() error {
	d := w.devices[w.rng.IntN(len(w.devices))]
	switch n := w.rng.IntN(8); {
	case n == 0 && w.faults.resets:
		w.step("reset of %s", d.name)
		d.link.Reset()
	case n == 1 && w.faults.silence:
		w.step("silence of %s", d.name)
		d.link.Silence()
	case n == 2 && w.faults.outages:
		w.step("outage of %s", d.name)
		d.link.SetDown(true)
		d.link.Reset()
		w.later(w.within(maxOutage), func() { d.link.SetDown(false) })
	case n == 3 && w.faults.latency:
		d.link.SetLatency(0, w.within(maxLatency))
	case n == 4 && w.faults.stalls:
		w.step("%s takes nothing", d.name)
		d.link.SetStalled(true)
		w.later(w.within(maxStall), func() { d.link.SetStalled(false) })
	case n == 5 && w.faults.crashes:
		return w.crash()
	case n == 6 && w.faults.stops:
		w.step("stop and start")
		if err := w.node.shut(); err != nil {
			return err
		}
		return w.node.start(w.ctx)
	case n == 7 && w.faults.clocks:
		jump := 2*w.within(maxJump) - maxJump
		w.step("the clock jumps to %s", jump)
		w.node.skew.Store(int64(jump))
	}
	return nil
}

func (w *World) within(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *World) later(d time.Duration, fn func()) {
	w.tasks.Go(func() {
		time.Sleep(d)
		fn()
	})
}

// crash cuts the power: nothing more reaches anybody, what was not synced is lost in part, and the server starts on the rest.
func (w *World) crash() error {
	kept := w.rng.IntN(101)
	w.step("power cut, %d%% of the unsynced kept", kept)
	for _, d := range w.devices {
		d.link.SetDown(true)
		d.link.Reset()
	}
	w.operator.SetDown(true)
	w.operator.Reset()
	disk := w.node.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: w.rng})
	if err := w.node.shut(); err != nil {
		return err
	}
	w.node.fs = disk
	time.Sleep(w.within(5 * time.Second))
	err := w.node.start(w.ctx)
	for _, d := range w.devices {
		d.link.SetDown(false)
	}
	w.operator.SetDown(false)
	return err
}
