package link

import (
	"fmt"
	"time"
)

// CloseError tells why the server, or the transport, ended a connection.
type CloseError struct {
	// Code is the WebSocket close code; its range tells what to do.
	Code int
	// Reason is the word that came with it.
	Reason string
	// RetryAfter is when the server wants to see the client again; 0 where it did not say.
	RetryAfter time.Duration
	// Local reports that this side closed, over what came from the other.
	Local bool
}

// Error implements error.
func (e *CloseError) Error() string {
	return fmt.Sprintf("connection closed with %d %s", e.Code, e.Reason)
}

// HandshakeError is the answer of a server that did not open a WebSocket.
type HandshakeError struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is the value of the header of that name; 0 where there is none.
	RetryAfter time.Duration
}

// Error implements error.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("the server answered the WebSocket handshake with status %d", e.Status)
}
