// Package sim runs whole worlds under virtual time: the real server (its gateway, log, fan-out, timelines and API on the
// real engine), the real SDK on every device, a network and a disk inside the process that fail, and clocks that jump.
// One seed draws everything: who there is, what they do, and what goes wrong.
//
// Conversations are of any tier, by their size or because an administrator says so. Some devices read all of them along, others
// are told of large ones what they have open.
//
// A world lives for some virtual minutes. Then everything heals, and within a bound every device must show what the log
// holds. What was recorded on the way is judged against it: every history explained, every stream in order and without
// holes, nothing read that was not for the reader, every unread count right, every row of the folder in its place.
//
// The scheduler below virtual time is not deterministic, so a seed repeats a world closely and not exactly; the steps of a
// world that failed are printed.
package sim
