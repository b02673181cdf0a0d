package api_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
)

func disable(off *bool) account.UserChange { return account.UserChange{Disabled: off} }

// streamed is an export: its records by kind, and how it ended.
func (w *world) streamed(t testing.TB, options ...option) (answer, map[string][]string) {
	t.Helper()
	message := []byte(`{}`)
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/throng.v1.AccountService/ExportData", bytes.NewReader(append(body, message...)))
	r.Header.Set("Content-Type", "application/connect+json")
	for _, o := range options {
		o(r)
	}
	a := do(t, w.handler, r)
	records := map[string][]string{}
	if a.status != http.StatusOK {
		return a, records
	}
	for rest := []byte(a.body); len(rest) > 0; {
		flags, n := rest[0], binary.BigEndian.Uint32(rest[1:5])
		message, rest = rest[5:5+n], rest[5+n:]
		if flags&2 != 0 { // the end of the stream
			var end struct {
				Error map[string]any `json:"error"`
			}
			assert.NoError(t, "reading the end of a stream", json.Unmarshal(message, &end))
			if end.Error != nil {
				a.status, a.json = http.StatusBadRequest, end.Error
			}
			return a, records
		}
		var record struct{ Kind, JSON string }
		assert.NoError(t, "reading a record", json.Unmarshal(message, &record))
		records[record.Kind] = append(records[record.Kind], record.JSON)
	}
	t.Fatal("the stream has no end")
	return a, nil
}

func (w *world) export(t testing.TB, options ...option) answer {
	t.Helper()
	for {
		a, _ := w.streamed(t, options...)
		if a.status != http.StatusOK && a.reason() == "rate_limited" {
			continue // two others run at this moment
		}
		return a
	}
}
