package main

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

func TestTableAlignsWideCharacters(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := newTable(&out, "ID", "NAME", "NOTE")
	w.row("1", "小明", "administrator")
	w.row("2", "bob", "")
	assert.NoError(t, "flush", w.flush())
	w.row("3", "Maximilian", "disabled")
	assert.NoError(t, "flush", w.flush())
	assert.Equal(t, "table", out.String(), `ID  NAME  NOTE
1   小明  administrator
2   bob
3   Maximilian  disabled
`)
}

// What an import took as it was is shown, not obeyed.
func TestTableOfHostileNames(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := newTable(&out, "NAME", "NOTE")
	w.row("\x1b]0;owned\x07a\x1b[2J\nb\u009b31m\u202ec", "x")
	assert.NoError(t, "printing", w.flush())
	assert.Equal(t, "table", out.String(), `NAME                     NOTE
�]0;owned�a�[2J�b�31m�c  x
`)
}
