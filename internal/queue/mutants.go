package queue

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone         = ""
	mutantDoneFirst    = "relay_done_first"    // drops events from the outbox before they are published
	mutantSkipsRefused = "relay_skips_refused" // goes on behind a batch that was not published
)
