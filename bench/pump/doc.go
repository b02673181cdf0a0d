// Package pump keeps messages flowing into one conversation and follows each of them to all of its receivers: the driver of a fleet
// for the scenarios with one group.
//
// Closed: so many messages are on their way, and the next goes out when one has reached everybody. Open, where a rate is given:
// messages are due by the clock, and a latency counts from then, so that a server that falls behind cannot hide it. What is
// refused for a moment or cut off is sent again under the same client id.
//
// How a message goes out is the [Mouth]'s: the fleet's sockets to a server, or a bare loop's pipe. Locks: a fleet's, then the
// pump's, then what the mouth takes.
package pump
