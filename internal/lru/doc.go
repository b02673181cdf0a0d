// Package lru remembers a bounded number of things, and forgets first what was asked for the longest ago.
//
// Entries lie in one slice and point to each other by index: an entry costs its key, its value and about 20 bytes, where a map of list
// elements costs a hundred more, and the garbage collector finds no pointer of ours in it. In the life of a message it stands behind the
// caches of sign-in. It imports nothing of ours.
package lru
