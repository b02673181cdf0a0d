//go:build mutant_no_repeat_check

package message

const mutant = mutantNoRepeatCheck
