// Package queue declares how followers get the events of the log: [Events]. In the life of a message it is what comes
// after the acknowledgement: timelines, fan-out and everything else that is derived from the log follows it, each with a
// position of its own, and can be rebuilt. It imports chat only.
package queue
