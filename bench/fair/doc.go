// Package fair measures what one very large group does to everybody else on its server: one-to-one chats exchange messages at a fixed
// rate, in turn alone and beside a group of a million members that sends as much as its limit takes. The latency of the chats counts
// from when a message was due, at the receiver.
package fair
