package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Receipts are where members stand.
func Receipts(list []chat.Receipt) []*throngv1.Receipt {
	out := make([]*throngv1.Receipt, len(list))
	for i, r := range list {
		out[i] = &throngv1.Receipt{User: uint64(r.User), ReadSeq: uint64(r.Read), GotSeq: uint64(r.Got)}
	}
	return out
}
