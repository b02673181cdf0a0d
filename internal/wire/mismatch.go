package wire

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
)

// mismatch says to a person what in a JSON text does not fit a message of the schema. The library's own sentence is taken
// apart: it begins with the library's name, a space that is not always the same one, and the place.
func mismatch(err error, m proto.Message) *chat.Error {
	what := strings.NewReplacer("\u00a0", " ", "throng.v1.", "").Replace(err.Error())
	what = strings.TrimPrefix(what, "proto: ")
	place := ""
	if at := regexp.MustCompile(`\(line (\d+):(\d+)\): `).FindStringSubmatchIndex(what); at != nil {
		place = " at line " + what[at[2]:at[3]] + ", column " + what[at[4]:at[5]]
		what = what[:at[0]] + what[at[1]:]
	}
	if oneof := regexp.MustCompile(`^error parsing ("[^"]*"), oneof (\S+) is already set$`).FindStringSubmatch(what); oneof != nil {
		what = oneof[1] + " stands beside another field of " + oneof[2] + ", which has one"
	}
	what = strings.TrimSpace(strings.TrimPrefix(what, "syntax error "))
	if what == "unexpected EOF" || what == "unexpected token" {
		what = "the JSON ends too early"
	}
	if most := 300; len(what) > most { // it quotes the caller's own values
		what = strings.ToValidUTF8(what[:most], "") + "…"
	}
	name := m.ProtoReflect().Descriptor().Name()
	return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "the body does not fit %s: %s%s; see /openapi.json", name, what, place)
}
