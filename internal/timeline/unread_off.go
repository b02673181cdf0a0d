//go:build !mutant_unread_off_by_one

package timeline

// unreadError is what a build that must fail its tests adds to unread.
const unreadError = 0
