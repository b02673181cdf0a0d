package message

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone                = ""
	mutantNoRepeatCheck       = "no_repeat_check"
	mutantMembershipUnchecked = "membership_unchecked"
	mutantReadPastRemoval     = "read_past_removal"
	mutantSendReadsNothing    = "send_reads_nothing"
)
