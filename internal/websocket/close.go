package websocket

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// CloseCode checks the payload of the peer's close frame and returns the code to answer with, or a [*Breach].
func CloseCode(payload []byte) (ws.StatusCode, error) {
	if len(payload) == 0 {
		return ws.StatusNormalClosure, nil
	}
	if len(payload) == 1 {
		return 0, protocolError("a close frame with half a code")
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if !sendable(code) {
		return 0, protocolError("a close code that may not be sent")
	}
	if !utf8.ValidString(reason) {
		return 0, notUTF8("the reason of a close frame")
	}
	return code, nil
}

// sendable reports whether a close code may stand in a close frame (RFC 6455 section 7.4 and its registry): not those that
// only mean something within an endpoint (1005, 1006, 1015), not those that nobody has defined.
func sendable(code ws.StatusCode) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	default:
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014
	}
}
