package gateway

import (
	"runtime"
	"time"
)

// waiter is how a loop waits. wake may be called from any goroutine, the others by the loop alone.
type waiter interface {
	// open readies it; close gives back what it opened.
	open() error
	// wait returns when the inbox has something, when something happened on a connection, which it has told the loop by
	// then, or when d is over; 0 only looks.
	wait(d time.Duration)
	// wake ends the wait under way, or keeps the next from blocking.
	wake()
	close() error
}

// parked waits on a channel: for loops whose connections are carried by goroutines, or by memory.
type parked struct {
	// immutable after construction
	woken chan struct{} // capacity 1
	timer *time.Timer
}

func newParked() *parked {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &parked{woken: make(chan struct{}, 1), timer: t}
}

func (*parked) open() error { return nil }

func (p *parked) wait(d time.Duration) {
	if d <= 0 {
		runtime.Gosched() // who waits for the processor goes first: there is much to write
		return
	}
	p.timer.Reset(d)
	select {
	case <-p.woken:
	case <-p.timer.C:
	}
	p.timer.Stop()
}

func (p *parked) wake() { signal(p.woken) }

func (*parked) close() error { return nil }
