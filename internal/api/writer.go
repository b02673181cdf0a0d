package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// maxCaught bounds what is kept of an error that Connect's own code wrote.
const maxCaught = 16 << 10

// catcher is a ResponseWriter around Connect's handlers. Errors that our services return carry our detail; those that
// Connect finds by itself (a body that it cannot read, a wrong method) do not, so catcher holds back answers of errors
// and finish tells them in our words. Answers that are none pass untouched.
type catcher struct {
	http.ResponseWriter
	status int // of a held back answer; 0 passes
	wrote  bool
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (c *catcher) WriteHeader(status int) {
	if c.wrote {
		return
	}
	c.wrote = true
	if status >= http.StatusBadRequest {
		c.status = status
		return
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *catcher) Write(b []byte) (int, error) {
	if !c.wrote {
		c.WriteHeader(http.StatusOK)
	}
	if c.status == 0 {
		return c.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors on
	}
	c.body.Write(b[:min(len(b), maxCaught-min(c.body.Len(), maxCaught))])
	return len(b), nil
}

// Flush lets streams through.
func (c *catcher) Flush() {
	if f, ok := c.ResponseWriter.(http.Flusher); ok && c.status == 0 {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (c *catcher) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// finish writes a held back answer.
func (s *Server) finish(c *catcher, r *http.Request) {
	if c.status == 0 {
		return
	}
	var body wire.ErrorBody
	if err := json.Unmarshal(c.body.Bytes(), &body); err == nil && len(body.Details) > 0 {
		if c.status == http.StatusUnauthorized {
			c.Header().Set("WWW-Authenticate", "Bearer")
		}
		c.ResponseWriter.WriteHeader(c.status)
		_, _ = c.ResponseWriter.Write(c.body.Bytes()) // the caller has gone
		return
	}
	status, err := foreign(c.status, body)
	e := s.tell(r.Context(), err)
	wire.WriteError(c.ResponseWriter, status, e)
}

// foreign gives an error of Connect's own code our code and reason.
func foreign(status int, body wire.ErrorBody) (int, *chat.Error) {
	switch status {
	case http.StatusNotFound:
		return status, chat.Errorf(chat.CodeNotFound, chat.ReasonRouteNotFound, "no such route")
	case http.StatusMethodNotAllowed:
		return status, errMethod()
	case http.StatusUnsupportedMediaType:
		return status, errMediaType()
	}
	var code connect.Code
	if err := code.UnmarshalText([]byte(body.Code)); err != nil {
		code = connect.CodeInternal
	}
	switch code {
	case connect.CodeInvalidArgument:
		return http.StatusBadRequest, malformed(body.Message)
	case connect.CodeResourceExhausted:
		return http.StatusBadRequest, errRequestTooLarge()
	case connect.CodeUnimplemented:
		return http.StatusUnsupportedMediaType, errMediaType()
	case connect.CodeCanceled:
		return status, chat.Errorf(chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	case connect.CodeDeadlineExceeded:
		return http.StatusRequestTimeout, chat.Errorf(chat.CodeUnknown, chat.ReasonInDoubt, "it took too long; it may or may not have happened")
	default:
		return http.StatusInternalServerError, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "connect: %s", body.Message)
	}
}

func errMethod() *chat.Error {
	return chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported, "procedures are called with POST")
}

func errMediaType() *chat.Error {
	return chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported,
		"send application/json or application/proto, plain or gzip; ExportData streams: application/connect+json or application/connect+proto")
}

func errRequestTooLarge() *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonRequestTooLarge, "the request's body is too large")
}

// malformed tells what Connect could not read. Its sentences begin with what it was doing; behind that stands, for a body, what
// codec.Unmarshal said.
func malformed(message string) *chat.Error {
	if said, ok := strings.CutPrefix(message, "unmarshal message: "); ok {
		reason, message, _ := strings.Cut(said, ": ")
		if reason == string(chat.ReasonRequestTooLarge) {
			return chat.Errorf(chat.CodeTooLarge, chat.ReasonRequestTooLarge, "%s", message)
		}
		return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "%s", message)
	}
	if strings.HasPrefix(message, "decompress: ") || strings.HasPrefix(message, "get decompressor: ") {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "the body is not gzip, as its Content-Encoding says")
	}
	if strings.HasPrefix(message, "parse timeout: ") {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "Connect-Timeout-Ms is a number of milliseconds, at most 10 digits")
	}
	return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "%s", clip(message))
}

// clip bounds a message about the caller's own input.
func clip(message string) string {
	const most = 300
	if len(message) > most {
		return message[:most]
	}
	return message
}
