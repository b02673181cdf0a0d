package content

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Fingerprint is what a repeat row keeps of a body: the first half of a SHA-256. Senders choose the content, so a hash
// that can be made to collide would let one message be taken for another.
type Fingerprint [16]byte

// Print returns the fingerprint of a body as it was sent, with what it refers to (nil for nothing). It is stored, so the bytes that it is
// taken of never change.
func Print(b chat.Body, refers *chat.Refers) Fingerprint {
	var scratch [1024]byte
	sum := sha256.Sum256(appendRefers(appendCanonical(scratch[:0], b), refers))
	return Fingerprint(sum[:16])
}

// appendRefers writes what a message refers to; nothing where it refers to nothing, so that it is what it was before messages did.
func appendRefers(b []byte, r *chat.Refers) []byte {
	if reply := r.Reply(); reply != 0 {
		b = appendNumbers(append(b, 'R'), uint64(reply))
	}
	if r != nil && len(r.Mentions) > 0 {
		b = appendUsers(append(b, 'M'), r.Mentions)
	}
	if r != nil && r.All {
		b = append(b, 'A')
	}
	return b
}

// appendCanonical writes each field with its length in front, so that no two bodies give the same bytes.
func appendCanonical(b []byte, body chat.Body) []byte {
	switch v := body.(type) {
	case chat.Text:
		return appendField(append(b, 't'), v.Text)
	case chat.Media:
		b = appendFields(append(b, 'm', byte(v.Type)), v.Ref, v.MIME, v.Name, v.Caption, string(v.Preview))
		return appendNumbers(b, v.Size, uint64(v.Width), uint64(v.Height), uint64(v.DurationMS))
	case chat.Custom:
		return appendFields(append(b, 'c'), v.Type, string(v.Data), v.Fallback)
	case chat.System:
		b = appendField(append(b, 's'), v.Event)
		for _, name := range slices.Sorted(maps.Keys(v.Args)) {
			b = appendFields(b, name, v.Args[name])
		}
		return b
	case chat.Created:
		b = appendFields(append(b, 'n', byte(v.Kind), flag(v.Open)), v.Name, v.Avatar, v.Description)
		return appendUsers(b, v.Members)
	case chat.MembersChanged:
		b = appendUsers(appendNumbers(append(b, 'u', byte(v.Action), byte(v.Role)), v.UntilMS), v.Users)
		if v.Ban || v.Name != "" || v.Reason != "" { // which they got later: without them it is what it was
			b = appendFields(append(b, 'b', flag(v.Ban)), v.Name, v.Reason)
		}
		return b
	case chat.Changed:
		b = append(b, 'g')
		for _, s := range []*string{v.Name, v.Avatar, v.Description} {
			b = append(b, flag(s != nil))
			if s != nil {
				b = appendField(b, *s)
			}
		}
		b = append(b, flag(v.Open != nil))
		if v.Open != nil {
			b = append(b, flag(*v.Open))
		}
		return appendLater(b, v)
	case chat.Dissolved:
		return append(b, 'd')
	case chat.Tombstone:
		return append(b, 'x', byte(v.Reason))
	case chat.Edit: // as it was sent: what the decision adds is not part of it
		b = appendNumbers(append(b, 'e'), uint64(v.Target))
		if v.Body == nil {
			return b
		}
		return appendCanonical(b, v.Body)
	case chat.Recall:
		return appendField(appendNumbers(append(b, 'y'), uint64(v.Target)), v.Note)
	case chat.Pin:
		return appendNumbers(append(b, 'i', flag(v.On)), uint64(v.Target))
	default:
		return append(b, 0)
	}
}

// appendLater writes the settings that groups got later: a change without them keeps the fingerprint that it had.
func appendLater(b []byte, v chat.Changed) []byte {
	if v.SlowModeMS != nil {
		b = appendNumbers(append(b, 'w'), uint64(*v.SlowModeMS))
	}
	if v.Tier != nil {
		b = append(b, 'r', byte(*v.Tier))
	}
	if v.Joining != nil {
		b = append(b, 'j', byte(*v.Joining))
	}
	if v.Posting != nil {
		b = append(b, 'p', byte(*v.Posting))
	}
	if v.QuietUntilMS != nil {
		b = appendNumbers(append(b, 'q'), *v.QuietUntilMS)
	}
	if v.History != nil {
		b = append(b, 'h', flag(*v.History))
	}
	if v.Announcement != nil {
		b = appendField(append(b, 'a'), *v.Announcement)
	}
	return b
}

func appendField(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFields(b []byte, fields ...string) []byte {
	for _, s := range fields {
		b = appendField(b, s)
	}
	return b
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendUsers(b []byte, users []chat.UserID) []byte {
	b = binary.AppendUvarint(b, uint64(len(users)))
	for _, u := range users {
		b = binary.AppendUvarint(b, uint64(u))
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
