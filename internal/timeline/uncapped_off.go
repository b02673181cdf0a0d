//go:build !mutant_head_uncapped

package timeline

// capping is false in a build that must fail its tests: it tells former members where a conversation ends now.
const capping = true
