package gateway

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone           = ""
	mutantSignOutIgnored = "sign_out_ignored"
	mutantNotRechecked   = "membership_not_rechecked"
)
