//go:build mutant_cursor_skipped

package timeline

const marking = false
