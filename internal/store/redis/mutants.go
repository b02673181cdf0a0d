package redis

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone           = ""
	mutantLossUnnoticed  = "redis_loss_unnoticed"
	mutantCursorUnmarked = "redis_cursor_unmarked"
	mutantGenerationBare = "redis_generation_bare"
	mutantLeaseForever   = "redis_lease_forever" // a node that is gone counts as alive
)
