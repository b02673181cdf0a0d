// Package breaker keeps callers away from a dependency that does not answer, so that a hung database or broker holds no worker.
//
//	          so many failures in a row
//	closed ──────────────────────────────→ open ←────────────┐
//	  ↑                                      │ rested         │ it fails
//	  │                it succeeds           ↓                │
//	  └──────────────────────────────── half open ────────────┘
//	                                 one call at a time
//
// While a [Breaker] is open, calls are refused at once. After a rest one call may try; its end decides. What was under way when
// the state changed is not counted any more: it speaks of the time before.
//
// A breaker bounds the calls under way too. Callers give each call a deadline of its own; so at most that many of them are held
// for at most that long, before the breaker opens.
//
// It imports nothing of ours, and stands beneath the adapters of the engines of a cluster.
package breaker
