package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxLine bounds a line, in bytes: a preview and a custom body in base64 fit several times.
const maxLine = 8 << 20

var errLongLine = fmt.Errorf("it has more than %d MiB", maxLine>>20)

// readLine returns the next line with its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := r.ReadSlice('\n')
		if err == nil && whole == nil {
			return part, nil
		}
		whole = append(whole, part...)
		if len(whole) > maxLine {
			return nil, errLongLine
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return whole, err
		}
	}
}

// typeOf reads the type of a line. Ours stands first, where it is found without decoding the rest twice.
func typeOf(text []byte) (string, error) {
	if rest, ok := bytes.CutPrefix(text, []byte(`{"type":"`)); ok {
		if end := bytes.IndexByte(rest, '"'); end > 0 && bytes.IndexByte(rest[:end], '\\') < 0 {
			return string(rest[:end]), nil
		}
	}
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return "", fmt.Errorf("it is no JSON object: %w", err)
	}
	return kind.Type, nil
}

func decode[T any](text []byte, apply func(T) error) error {
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return apply(v)
}
