// Package pressure decides what a server leaves out while it has too much to do.
//
// What it feels are four signals: how long something posted to an event loop waits (lag), how full the fullest inbox of a loop
// and the fullest queue of the log are, and how much of the memory budget is taken by what cannot be freed. Out comes a
// [Level], a step on a ladder; each step leaves one thing more out, in an order that never changes:
//
//	0 calm ─► 1 typing_off ─► 2 presence_counts ─► 3 receipts_off ─► 4 content_as_hints ─► 5 admission_closed
//	      ◄──             ◄──                  ◄──               ◄──                   ◄──
//	  up: a signal has been at the step's threshold for Rise         one step at a time
//	  down: all have been below Ease of it for Calm, which doubles when the step comes back soon
//
// Storing messages is on no step: an append is never what is left out.
//
// [Ladder] is the decision, without I/O, goroutines or a clock of its own. [Monitor] is its shell: it reads the signals at an
// interval, tells metrics, the log and whoever asked to be told, and lets an operator force a level for a time.
//
// Whoever leaves something out asks [Monitor.Level], which costs one atomic load; features that come later do the same. The package
// imports nothing of ours.
package pressure
