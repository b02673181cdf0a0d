package wire

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// ErrorBody is Connect's JSON for errors, which every HTTP answer that is one has: of procedures, of handshakes, of paths that
// are none.
type ErrorBody struct {
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Details []ErrorDetail `json:"details,omitempty"`
}

// ErrorDetail is a throng.v1.Error, in protobuf and, for people, in JSON.
type ErrorDetail struct {
	Type  string          `json:"type"`
	Value string          `json:"value"`
	Debug json.RawMessage `json:"debug,omitempty"`
}

// WriteError answers an HTTP request with an error. The status is not always that of the code: plain HTTP has finer ones.
func WriteError(w http.ResponseWriter, status int, e *chat.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Length")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", RetryAfter(e.RetryAfter))
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	told := Error(e)
	body := ErrorBody{Code: CodeToConnect(e.Code).String(), Message: told.GetMessage(), Details: details(told)}
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}

// RetryAfter is the header's value. It rounds up: who waits that long has waited long enough.
func RetryAfter(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func details(e *throngv1.Error) []ErrorDetail {
	value, err := proto.Marshal(e)
	if err != nil {
		return nil // a message that is not UTF-8; the code is told all the same
	}
	debug, err := protojson.Marshal(e)
	if err != nil {
		return nil
	}
	return []ErrorDetail{{Type: string(e.ProtoReflect().Descriptor().FullName()), Value: base64.RawStdEncoding.EncodeToString(value), Debug: debug}}
}
