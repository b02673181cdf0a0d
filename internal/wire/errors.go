package wire

import (
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// This file is the one mapping of error codes to the numbers of other worlds. docs/spec/errors.md is its table for
// people, testdata/errors.golden its table for tests.

// hiddenMessage is the one sentence for conversations that are not the caller's to know of. Packages below say it in words of
// their own, by which a stranger could tell what is hidden from what does not exist (ERR-6).
const hiddenMessage = "there is no such conversation for you"

// Error tells a failure on the wire. What is no *chat.Error is internal, and its words stay here. Nil gives nil.
func Error(err error) *throngv1.Error {
	e := chat.AsError(err)
	if e == nil {
		return nil
	}
	message := e.Message
	if e.Reason == chat.ReasonConversationNotFound {
		message = hiddenMessage
	}
	return &throngv1.Error{
		Code: CodeToProto(e.Code), Reason: string(e.Reason), Message: message,
		RetryAfterMs: retryMS(e.RetryAfter),
	}
}

func retryMS(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min((d + time.Millisecond - 1).Milliseconds(), 1<<32-1))
}

// ErrorFrom reads a failure off the wire; a code that is not ours becomes internal.
func ErrorFrom(e *throngv1.Error) *chat.Error {
	code, ok := CodeFromProto(e.GetCode())
	if !ok {
		code = chat.CodeInternal
	}
	return &chat.Error{
		Code: code, Reason: chat.Reason(e.GetReason()), Message: e.GetMessage(),
		RetryAfter: time.Duration(e.GetRetryAfterMs()) * time.Millisecond,
	}
}

// CodeToProto returns the code's number in the schema.
func CodeToProto(c chat.Code) throngv1.Code {
	switch c {
	case chat.CodeUnknown:
		return throngv1.Code_CODE_UNKNOWN
	case chat.CodeInvalid:
		return throngv1.Code_CODE_INVALID
	case chat.CodeUnauthenticated:
		return throngv1.Code_CODE_UNAUTHENTICATED
	case chat.CodeForbidden:
		return throngv1.Code_CODE_FORBIDDEN
	case chat.CodeNotFound:
		return throngv1.Code_CODE_NOT_FOUND
	case chat.CodeConflict:
		return throngv1.Code_CODE_CONFLICT
	case chat.CodeAlreadyExists:
		return throngv1.Code_CODE_ALREADY_EXISTS
	case chat.CodeTooLarge:
		return throngv1.Code_CODE_TOO_LARGE
	case chat.CodeRateLimited:
		return throngv1.Code_CODE_RATE_LIMITED
	case chat.CodeGone:
		return throngv1.Code_CODE_GONE
	case chat.CodeFailedPrecondition:
		return throngv1.Code_CODE_FAILED_PRECONDITION
	case chat.CodeUnsupported:
		return throngv1.Code_CODE_UNSUPPORTED
	case chat.CodeCanceled:
		return throngv1.Code_CODE_CANCELED
	case chat.CodeUnavailable:
		return throngv1.Code_CODE_UNAVAILABLE
	case chat.CodeInternal:
		return throngv1.Code_CODE_INTERNAL
	}
	return throngv1.Code_CODE_INTERNAL
}

// CodeFromProto is the inverse of CodeToProto; ok is false for numbers that are no code.
func CodeFromProto(c throngv1.Code) (code chat.Code, ok bool) {
	for code := chat.CodeUnknown; code <= chat.CodeInternal; code++ {
		if CodeToProto(code) == c {
			return code, true
		}
	}
	return 0, false
}

// CodeToConnect returns the Connect code, which carries an HTTP status. Two pairs of ours share one of Connect's; the
// detail of the error (a throng.v1.Error) keeps them apart.
func CodeToConnect(c chat.Code) connect.Code {
	switch c {
	case chat.CodeUnknown:
		return connect.CodeUnknown
	case chat.CodeInvalid:
		return connect.CodeInvalidArgument
	case chat.CodeUnauthenticated:
		return connect.CodeUnauthenticated
	case chat.CodeForbidden:
		return connect.CodePermissionDenied
	case chat.CodeNotFound, chat.CodeGone:
		return connect.CodeNotFound
	case chat.CodeConflict:
		return connect.CodeAborted
	case chat.CodeAlreadyExists:
		return connect.CodeAlreadyExists
	case chat.CodeTooLarge:
		return connect.CodeOutOfRange
	case chat.CodeRateLimited:
		return connect.CodeResourceExhausted
	case chat.CodeFailedPrecondition:
		return connect.CodeFailedPrecondition
	case chat.CodeUnsupported:
		return connect.CodeUnimplemented
	case chat.CodeCanceled:
		return connect.CodeCanceled
	case chat.CodeUnavailable:
		return connect.CodeUnavailable
	case chat.CodeInternal:
		return connect.CodeInternal
	}
	return connect.CodeInternal
}

// statusCanceled is what Connect answers to a caller that gave up; net/http has no name for it.
const statusCanceled = 499

// HTTPStatus returns the status that Connect gives to the code, which plain HTTP routes use too.
func HTTPStatus(c chat.Code) int {
	switch c {
	case chat.CodeInvalid, chat.CodeTooLarge, chat.CodeFailedPrecondition:
		return http.StatusBadRequest
	case chat.CodeUnauthenticated:
		return http.StatusUnauthorized
	case chat.CodeForbidden:
		return http.StatusForbidden
	case chat.CodeNotFound, chat.CodeGone:
		return http.StatusNotFound
	case chat.CodeConflict, chat.CodeAlreadyExists:
		return http.StatusConflict
	case chat.CodeRateLimited:
		return http.StatusTooManyRequests
	case chat.CodeUnsupported:
		return http.StatusNotImplemented
	case chat.CodeCanceled:
		return statusCanceled
	case chat.CodeUnavailable:
		return http.StatusServiceUnavailable
	case chat.CodeUnknown, chat.CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// CloseCode returns the code that a connection is closed with where the error ends the session. A reason that says more
// than its code decides first.
func CloseCode(e *chat.Error) throngv1.CloseCode {
	switch e.Reason { //nolint:exhaustive // only the reasons that differ from their code
	case chat.ReasonTokenExpired:
		return throngv1.CloseCode_CLOSE_CODE_TOKEN_EXPIRED
	case chat.ReasonAuthExpected:
		return throngv1.CloseCode_CLOSE_CODE_AUTH_EXPECTED
	case chat.ReasonSignedOut, chat.ReasonDisplaced:
		return throngv1.CloseCode_CLOSE_CODE_SIGNED_OUT
	case chat.ReasonUserDisabled:
		return throngv1.CloseCode_CLOSE_CODE_USER_GONE
	case chat.ReasonDraining:
		return throngv1.CloseCode_CLOSE_CODE_DRAIN
	}
	return closeCode(e.Code)
}

func closeCode(c chat.Code) throngv1.CloseCode {
	switch c {
	case chat.CodeInvalid, chat.CodeTooLarge, chat.CodeConflict, chat.CodeAlreadyExists, chat.CodeNotFound, chat.CodeGone,
		chat.CodeFailedPrecondition:
		return throngv1.CloseCode_CLOSE_CODE_BAD_FRAME
	case chat.CodeUnauthenticated, chat.CodeForbidden:
		return throngv1.CloseCode_CLOSE_CODE_AUTH_FAILED
	case chat.CodeRateLimited:
		return throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS
	case chat.CodeUnsupported:
		return throngv1.CloseCode_CLOSE_CODE_UNSUPPORTED
	case chat.CodeUnavailable:
		return throngv1.CloseCode_CLOSE_CODE_OVERLOAD
	case chat.CodeUnknown, chat.CodeCanceled, chat.CodeInternal:
		return throngv1.CloseCode_CLOSE_CODE_INTERNAL
	}
	return throngv1.CloseCode_CLOSE_CODE_INTERNAL
}
