package mysql

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone                 = ""
	mutantMembershipBeforeLock = "mysql_membership_before_lock"
	mutantOutboxOutside        = "mysql_outbox_outside"
)
