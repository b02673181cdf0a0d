// Package assert is the few checks that tests say all the time. It is for tests alone and imports nothing of ours.
package assert
