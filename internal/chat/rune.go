package chat

import "unicode"

// Unprintable reports whether a character in a name changes how what stands around it looks: control characters, separators
// of lines, and those that turn the direction of the text after them, by which a name could pose as another one. Marks
// that scripts and emoji need (joiners, direction marks) are fine.
func Unprintable(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	default:
		return (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069')
	}
}
