package pebble

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone            = ""
	mutantNoFsync         = "no_fsync"
	mutantAckBeforeSync   = "ack_before_sync"
	mutantSeqFromDurable  = "seq_from_durable"
	mutantRefusalUnsynced = "refusal_unsynced"
)
