package client

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Code says what the caller can do about an error; it is the code of the wire.
type Code = throngv1.Code

// The errors that the SDK itself makes.
var (
	// ErrClosed is the end of everything that was waiting when the Client was closed.
	ErrClosed = errors.New("client closed")
	// ErrOutboxFull is returned by Send while the outbox holds its bound.
	ErrOutboxFull = errors.New("outbox full")
	// ErrCanceled is the end of a message that was taken back before it was sent.
	ErrCanceled = errors.New("message canceled")
	errLinkLost = errors.New("connection lost")
)

// Error is a failure that the server told.
type Error struct {
	// Code says what the caller can do.
	Code Code
	// Reason is a stable word, like not_a_member.
	Reason string
	// Message is a sentence for a person.
	Message string
	// RetryAfter is how long to wait before the next try; 0 where the caller may choose.
	RetryAfter time.Duration

	cause error // of a call that no server answered
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Reason
	}
	return e.Reason + ": " + e.Message
}

// Unwrap returns what a call failed of that no server of Throng answered, such as a *net.OpError; nil for what a server answered.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is compare by reason, so that &Error{Reason: "muted"} matches.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// Retryable reports whether the same request may succeed later without any change.
func (e *Error) Retryable() bool {
	switch e.Code {
	case throngv1.Code_CODE_UNKNOWN, throngv1.Code_CODE_RATE_LIMITED, throngv1.Code_CODE_UNAVAILABLE,
		throngv1.Code_CODE_CANCELED, throngv1.Code_CODE_UNSPECIFIED:
		return true
	case throngv1.Code_CODE_INVALID, throngv1.Code_CODE_UNAUTHENTICATED, throngv1.Code_CODE_FORBIDDEN,
		throngv1.Code_CODE_NOT_FOUND, throngv1.Code_CODE_CONFLICT, throngv1.Code_CODE_ALREADY_EXISTS,
		throngv1.Code_CODE_TOO_LARGE, throngv1.Code_CODE_GONE, throngv1.Code_CODE_FAILED_PRECONDITION,
		throngv1.Code_CODE_UNSUPPORTED, throngv1.Code_CODE_INTERNAL:
		return false
	default:
		return false
	}
}

// CloseError tells why the server, or the transport, ended a connection.
type CloseError = link.CloseError

// HandshakeError is the answer of a server that did not open a WebSocket.
type HandshakeError = link.HandshakeError

func fromWire(e *throngv1.Error) *Error {
	return &Error{
		Code: e.GetCode(), Reason: e.GetReason(), Message: e.GetMessage(),
		RetryAfter: time.Duration(e.GetRetryAfterMs()) * time.Millisecond,
	}
}

// fromConnect finds Throng's error in an error of the Connect client. What carries none gets the code of HTTP and the
// reason "transport".
func fromConnect(err error) error {
	var ce *connect.Error
	if !errors.As(err, &ce) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, d := range ce.Details() {
		if v, verr := d.Value(); verr == nil {
			if e, ok := v.(*throngv1.Error); ok {
				return fromWire(e)
			}
		}
	}
	return &Error{Code: connectCode(ce.Code()), Reason: "transport", Message: ce.Message(), cause: err}
}

func connectCode(c connect.Code) Code {
	switch c {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange:
		return throngv1.Code_CODE_INVALID
	case connect.CodeUnauthenticated:
		return throngv1.Code_CODE_UNAUTHENTICATED
	case connect.CodePermissionDenied:
		return throngv1.Code_CODE_FORBIDDEN
	case connect.CodeNotFound:
		return throngv1.Code_CODE_NOT_FOUND
	case connect.CodeAlreadyExists:
		return throngv1.Code_CODE_ALREADY_EXISTS
	case connect.CodeAborted:
		return throngv1.Code_CODE_CONFLICT
	case connect.CodeFailedPrecondition:
		return throngv1.Code_CODE_FAILED_PRECONDITION
	case connect.CodeResourceExhausted:
		return throngv1.Code_CODE_RATE_LIMITED
	case connect.CodeUnimplemented:
		return throngv1.Code_CODE_UNSUPPORTED
	case connect.CodeUnavailable:
		return throngv1.Code_CODE_UNAVAILABLE
	case connect.CodeInternal, connect.CodeDataLoss:
		return throngv1.Code_CODE_INTERNAL
	case connect.CodeCanceled, connect.CodeUnknown, connect.CodeDeadlineExceeded:
		return throngv1.Code_CODE_UNKNOWN
	default:
		return throngv1.Code_CODE_UNKNOWN
	}
}
