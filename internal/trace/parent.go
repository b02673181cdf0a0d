package trace

import "encoding/hex"

// MaxCaller is the longest W3C trace context that is looked at, in bytes.
const MaxCaller = 55

// ParseCaller reads a W3C trace context (the header traceparent), version 00. ok is false for what is none: callers are not told, as
// the recommendation wants it.
func ParseCaller(text string) (id ID, span [8]byte, ok bool) {
	if len(text) != MaxCaller || text[:3] != "00-" || text[35] != '-' || text[52] != '-' || !lower(text) {
		return id, span, false
	}
	if _, err := hex.Decode(id[:], []byte(text[3:35])); err != nil {
		return ID{}, span, false
	}
	if _, err := hex.Decode(span[:], []byte(text[36:52])); err != nil {
		return ID{}, [8]byte{}, false
	}
	if _, err := hex.DecodeString(text[53:]); err != nil || id == (ID{}) || span == ([8]byte{}) {
		return ID{}, [8]byte{}, false
	}
	return id, span, true
}

// lower reports that a text has no upper case letter, which trace contexts must not have.
func lower(text string) bool {
	for i := range len(text) {
		if text[i] >= 'A' && text[i] <= 'Z' {
			return false
		}
	}
	return true
}
