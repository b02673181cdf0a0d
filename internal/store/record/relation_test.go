package record_test

import (
	"bytes"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/record"
)

// What decodes is written back to what decodes to the same, whatever the bytes: relations, what stands once about them, and links.
func FuzzRelation(f *testing.F) {
	f.Add(record.AppendRelation(nil, social.Relation{
		Follow: true, Block: true, Remark: "r", Version: 300, Met: true, Due: true, Later: block,
		Mine: social.Side{Want: true, Turn: 5, Ended: 3, AtMS: 1 << 41, Note: "n"}, Theirs: social.Side{Turn: 4},
	}))
	f.Add(record.AppendOwner(nil, social.Owner{Version: 1, Floor: 2, Wants: 300, From: chat.GateCommon, Day: 20_000, Asked: 7, Later: block}))
	f.Add(record.AppendLink(nil, invite.Link{Token: invite.Hash{1}, Creator: 3, CreatedMS: 1 << 41, ExpiresMS: 1 << 42, Most: 5, Used: 2, Revoked: true, EndedMS: 1 << 41, Later: block}))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 60))
	f.Fuzz(func(t *testing.T, value []byte) {
		rewritten(t, value, func(r *record.Reader) social.Relation { return r.Relation(7) }, record.AppendRelation)
		rewritten(t, value, (*record.Reader).Owner, record.AppendOwner)
		rewritten(t, value, func(r *record.Reader) invite.Link { return r.Link(7, 9) }, record.AppendLink)
	})
}

func rewritten[T comparable](t *testing.T, value []byte, read func(r *record.Reader) T, write func(b []byte, v T) []byte) {
	t.Helper()
	r := record.NewReader(value)
	v := read(&r)
	if !r.Done() {
		return
	}
	once := write(nil, v)
	r = record.NewReader(once)
	if got := read(&r); got != v || !r.Done() {
		t.Errorf("%+v became %+v", v, got)
	}
}
