package archive

import (
	"encoding/json"

	"github.com/throng-im/throng/internal/chat"
)

// PassBody writes a body as an export does and reads it as an import does.
func PassBody(b chat.Body) (chat.Body, error) {
	out, err := encodeBody(b)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	var in body
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	return decodeBody(in)
}
