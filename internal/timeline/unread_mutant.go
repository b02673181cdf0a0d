//go:build mutant_unread_off_by_one

package timeline

const unreadError = 1
