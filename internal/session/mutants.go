package session

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone            = ""
	mutantOverflowDropped = "overflow_dropped"
	mutantFocusIgnored    = "focus_ignored"
)
