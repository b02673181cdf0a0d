//go:build mutant_digest_blind

package timeline

const digesting = false
