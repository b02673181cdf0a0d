//go:build mutant_send_reads_nothing

package message

const mutant = mutantSendReadsNothing
