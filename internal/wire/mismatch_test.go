package wire_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// ERR-5: a message is a sentence for a person.
func TestWhatDoesNotFitIsSaid(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"foo":1}`:                       `unknown field "foo" at line 1, column 2`,
		"{\n  \"foo\":1}":                 `unknown field "foo" at line 2, column 3`,
		`{"conversation":-1}`:             `invalid value for uint64 field conversation: -1 at line 1, column 17`,
		`{"text":"a","text":"b"}`:         `duplicate field "text" at line 1, column 13`,
		`{"text":"a","custom":{}}`:        `"custom" stands beside another field of SendRequest.body, which has one at line 1, column 13`,
		`hello`:                           `invalid value hello at line 1, column 1`,
		`[]`:                              `unexpected token [ at line 1, column 1`,
		``:                                `the JSON ends too early at line 1, column 1`,
		`{"conversation":`:                `the JSON ends too early`,
		`{"media":{"type":"NOPE"}}`:       `invalid value for enum field type: "NOPE" at line 1, column 18`,
		`{"conversation":"(line 9:9): "}`: `invalid value for uint64 field conversation: "(line 9:9): " at line 1, column 17`,
	} {
		err := wire.DecodeRequest(wire.JSON, []byte(body), new(throngv1.SendRequest))
		e := chat.AsError(err)
		assert.Equal(t, body, e.Message, "the body does not fit SendRequest: "+want+"; see /openapi.json")
		assert.Equal(t, body, e.Reason, chat.ReasonMalformed)
	}
	long := chat.AsError(wire.DecodeRequest(wire.JSON, []byte(`{"conversation":"`+strings.Repeat("é", 1000)+`"}`), new(throngv1.SendRequest)))
	assert.True(t, "what is quoted is bounded", len(long.Message) < 400)
}
