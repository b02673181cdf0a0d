//go:build mutant_focus_ignored

package session

const mutant = mutantFocusIgnored
