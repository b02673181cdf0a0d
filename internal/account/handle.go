package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/throng-im/throng/internal/chat"
)

// maxHandleBytes bounds a handle before it is normalised.
const maxHandleBytes = chat.MaxHandleRunes * utf8.UTFMax

// NormalizeHandle returns the form under which a handle is unique: compatibility forms and case do not count. It has 1
// to 64 characters: letters, marks, digits and . _ - + @, and begins with a letter or a digit.
func NormalizeHandle(handle string) (string, error) {
	if len(handle) > maxHandleBytes {
		return "", chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "a name to sign in with has at most %d characters", chat.MaxHandleRunes)
	}
	if !utf8.ValidString(handle) {
		return "", errHandle("is not valid UTF-8")
	}
	// Folding can undo normalisation and the other way round; after two rounds nothing moves any more.
	h := norm.NFKC.String(fold(norm.NFKC.String(handle)))
	h = norm.NFKC.String(fold(h))
	n := utf8.RuneCountInString(h)
	if n == 0 {
		return "", errHandle("is empty")
	}
	if n > chat.MaxHandleRunes {
		return "", chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "a name to sign in with has at most %d characters", chat.MaxHandleRunes)
	}
	for i, r := range h {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
		case i > 0 && (unicode.IsMark(r) || r == '.' || r == '_' || r == '-' || r == '+' || r == '@'):
		default:
			return "", errHandle("has letters, digits and . _ - + @ only, and begins with a letter or a digit")
		}
	}
	return h, nil
}

// fold takes case out of a text. Cherokee's is done here: Unicode folds its small letters to the capitals, which are older
// (CaseFolding.txt), and x/text leaves both as they are.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xAB70 && r <= 0xABBF:
			return r - 0xAB70 + 0x13A0
		case r >= 0x13F8 && r <= 0x13FD:
			return r - 0x13F8 + 0x13F0
		default:
			return r
		}
	}, cases.Fold().String(text))
}

func errHandle(rule string) error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonHandleInvalid, "a name to sign in with %s", rule)
}
