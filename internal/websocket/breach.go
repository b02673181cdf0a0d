package websocket

import "github.com/gobwas/ws"

// Breach is a violation by the peer that closes the connection with its code.
type Breach struct { //nolint:errname // a noun: it is handed on as what it is more than as an error
	Code   ws.StatusCode
	Reason string
}

// Error implements error.
func (b *Breach) Error() string { return b.Reason }

func protocolError(reason string) *Breach { return &Breach{ws.StatusProtocolError, reason} }

func notUTF8(what string) *Breach {
	return &Breach{ws.StatusInvalidFramePayloadData, what + " is not UTF-8"}
}

func tooBig() *Breach { return &Breach{ws.StatusMessageTooBig, "the message is too big"} }
