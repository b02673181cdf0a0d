// Package trace keeps in sight where entries went: each node notes the steps that an entry takes on it, remembers the latest of them, and
// hands those of sampled entries to an exporter ([otlp]).
//
//	append ─┐
//	publish ┼→ Tracer.Add ─┬→ ring, bounded in bytes ──→ Find: what `throng trace` asks of every node
//	fan-out ┤              └→ sampled? ──→ Exporter: spans of one trace, whichever nodes they come from
//	deliver ┘
//
// Nothing travels with an entry. The trace of an entry follows from its name, (conversation, seq), and so does whether it is sampled:
// every node comes to the same answer by itself, on whatever way the entry came to it ([decision 26]). Where tracing is off there is no
// [Tracer]: a nil one is asked nothing and does nothing.
//
// Conversations, seqs and users are plain numbers here: the package stands beneath all that takes a step, and imports nothing of ours.
//
// [decision 26]: https://github.com/throng-im/throng/blob/main/docs/decisions/0026-traces-follow-from-the-entry.md
package trace
