//go:build mutant_redis_cursor_unmarked

package redis

const mutant = mutantCursorUnmarked
