// Package timeline tells a user's devices what changed: the follower that writes timelines, and sync, lists, unread and
// digests, which read them.
//
// In the life of a message it comes after the acknowledgement: [Follower] reads the committed entries in order and notes
// with each member of a small conversation that it went on; [Service.Sync] answers a device with what changed since its
// cursor. It imports chat and failpoint alone. What it needs of the log it declares as [Logs] and [Events].
//
// # What a timeline says
//
// A user has one [Row] per conversation: whether the user is in it and the pts of its last change. It says that the
// conversation changed, not what: heads, members and read positions are read from the log's own tables when a device asks.
// So a row is never wrong about content, rows can be rebuilt from members, and a change that has a row already needs none.
//
// Rows change for small conversations only. Which tier a conversation has is taken from its head at the moment of the
// answer, and every sync ends with a page that holds all of the user's medium and large conversations. So a
// conversation that grows out of the small tier is covered from that very seq on; one that shrinks into it does so by an
// entry, and that entry, being one of a small conversation, gives a row to every member. There is no seeding that could
// be half done. An entry by which a conversation grows out of the small tier gives a row to every member too, so that
// what is remembered between heartbeats ([Service.Digest]) hears of it.
//
// # What a pts means
//
// A device that holds (epoch, generation, pts) has been told of everything that the rows up to pts stand for. Three rules
// make that true.
//
//  1. A pts is given out only when its row is durable ([Store] rule TML-3), so that after a crash no other change gets it.
//  2. A cursor is marked as given out before the heads of its answer are read ([Service.Sync]).
//  3. The follower leaves a row as it is only if the row's pts is above every cursor given out to the user.
//
// Take a cursor P, and an entry e of small conversation c that the follower comes to. It looks at c's row, with pts r, and
// at the highest mark g, under the mutex that guards the marks. If r <= g it writes a row above g >= P, and a sync from P
// finds it. If r > g nothing is written; then either P is marked before the look, P <= g < r, and a sync from P finds r; or
// P is marked after it, and the heads of P's answer were read after that: e was durable before the follower saw it, so that
// answer shows e already. The same holds for read positions and settings, which are read after the mark as well. A device
// that syncs before the follower has come to e gets a row above its cursor later; so that it need not wait for its next
// sync, Sync first lets the follower catch up with what is committed, for at most [Config].Answer.
//
// The marks are kept in memory, bounded. Where one is unknown, after a restart or because it was dropped, all pts up to now
// count as given out. Only the follower adds and drops marks. It adds a user's before it writes the first row that it will
// remember; cursors given out before that are below that row's pts, those given out since raise the mark.
//
// Where several processes give out cursors, and several followers write to one user, such marks say nothing: a cursor that
// another process gave out is not among them. There the mark stands with the user's timeline in the store ([WithStoreMarks], rule
// TML-9): whoever reads rows or their end raises it in the same step, and the follower's change names a row that may be spared, which
// the store drops in one step with looking at the row and the mark. The steps of one user come one after the other, so the look of
// above and the marking still do, and the argument holds word by word: P is marked before the look, or else the heads of P's
// answer are read after it. A store that loses a mark, or goes back to an older one, has to lose the user's generation with it: then no
// cursor that the mark stood for is of use, and the answer to it shows everything. Such a store needs no row for a user whose timeline
// it does not have either: what follows there is of a new generation.
//
// # Unread
//
// Unread is head ordinal minus read ordinal, of one snapshot, with the head capped where the user's membership ended. The
// total is the sum over current conversations that are not muted. Both come from one function ([tally]) over the same
// parts, so they agree in every answer; nothing stores them.
package timeline
