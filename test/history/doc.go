// Package history records what clients did and saw, and decides whether a correct server could have behaved like that.
//
// Two kinds of evidence, two kinds of judge. [Log] holds operations with the times at which they were asked and answered;
// [Log.Check] looks for an order of effects that explains every answer (linearizability, per conversation, with porcupine).
// [Stream] holds what one device's application was given; its Check is a single pass: ordered, unique, without holes,
// nothing that was not for the device, nothing that the log does not hold.
//
// An operation without an answer is neither a success nor a failure: it may take effect later, or never. Modelling that
// wrongly makes false alarms, so [Log.Invoke] starts every operation as in doubt and only an answer changes that.
package history
