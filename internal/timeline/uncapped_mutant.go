//go:build mutant_head_uncapped

package timeline

const capping = false
