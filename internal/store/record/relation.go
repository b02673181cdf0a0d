package record

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/archive"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
)

const (
	flagWant = 1 << iota
	flagWanted
	flagFollow
	flagBlock
	flagMet
	flagDue
)

// flagFrom, in the flags of an owner, says that a number follows: whom the owner takes messages of.
const flagFrom = 1 << 0

// AppendRelation writes a user's row about another one.
func AppendRelation(b []byte, r social.Relation) []byte {
	later := laterOf(r.Later)
	var flags byte
	for bit, on := range map[byte]bool{
		flagWant: r.Mine.Want, flagWanted: r.Theirs.Want, flagFollow: r.Follow, flagBlock: r.Block, flagMet: r.Met, flagDue: r.Due, flagLater: later != "",
	} {
		if on {
			flags |= bit
		}
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, r.Version)
	for _, s := range []social.Side{r.Mine, r.Theirs} {
		b = appendString(appendNumbers(b, s.Turn, s.Ended, s.AtMS), s.Note)
	}
	return appendLater(appendString(b, r.Remark), later)
}

// Relation reads one.
func (r *Reader) Relation(other chat.UserID) social.Relation {
	flags := r.byte()
	out := social.Relation{
		Other: other, Follow: flags&flagFollow != 0, Block: flags&flagBlock != 0, Met: flags&flagMet != 0, Due: flags&flagDue != 0,
		Version: r.Number(),
	}
	for _, s := range []*social.Side{&out.Mine, &out.Theirs} {
		s.Turn, s.Ended, s.AtMS = r.Number(), r.Number(), r.Number()
		s.Note = r.string()
	}
	out.Mine.Want, out.Theirs.Want = flags&flagWant != 0, flags&flagWanted != 0
	out.Remark = r.string()
	out.Later = r.later(flags)
	return out
}

// AppendOwner writes what stands once about a user's relations.
func AppendOwner(b []byte, o social.Owner) []byte {
	later := laterOf(o.Later)
	var flags byte
	if later != "" {
		flags = flagLater
	}
	if o.From != chat.GateOpen {
		flags |= flagFrom
	}
	b = appendNumbers(append(b, flags), o.Version, o.Floor)
	if o.From != chat.GateOpen {
		b = append(b, byte(o.From))
	}
	for _, n := range []uint32{o.Wants, o.Follows, o.Blocks, o.Remarks, o.Waiting, o.Day, o.Asked} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return appendLater(b, later)
}

// Owner reads it.
func (r *Reader) Owner() social.Owner {
	flags := r.byte()
	o := social.Owner{Version: r.Number(), Floor: r.Number()}
	if flags&flagFrom != 0 {
		o.From = chat.Gate(r.byte())
	}
	for _, n := range []*uint32{&o.Wants, &o.Follows, &o.Blocks, &o.Remarks, &o.Waiting, &o.Day, &o.Asked} {
		*n = uint32(r.Number())
	}
	o.Later = r.later(flags)
	return o
}

// KeyRelation is the key of a user's row about another one.
func KeyRelation(user, other chat.UserID) []byte {
	return Key2(TableRelation, uint64(user), uint64(other))
}

// KeyRelated is the key under which a row is found by its version.
func KeyRelated(user chat.UserID, version uint64) []byte {
	return Key2(TableRelated, uint64(user), version)
}

// KeyOwner is the key of what stands once about a user's relations.
func KeyOwner(user chat.UserID) []byte { return Key1(TableOwner, uint64(user)) }

// KeyDue is the key that says that a row is not mirrored yet.
func KeyDue(user, other chat.UserID) []byte { return Key2(TableDue, uint64(user), uint64(other)) }

// ArchivePrivacy is what an export says of an owner; ok is false where that is nothing.
func ArchivePrivacy(user chat.UserID, o social.Owner) (a archive.Privacy, ok bool) {
	a = archive.Privacy{User: user, From: o.From.Name()}
	return a, a != archive.Privacy{User: user}
}

// ArchiveRelation is what an export says of a row; ok is false where that is nothing. What was said and then ended by the other one is nothing.
func ArchiveRelation(user chat.UserID, r social.Relation) (a archive.Relation, ok bool) {
	a = archive.Relation{User: user, Other: r.Other, Follow: r.Follow, Block: r.Block, Remark: r.Remark}
	if r.Mine.Stands(r.Theirs) {
		a.Friend, a.Note, a.AtMS = true, r.Mine.Note, r.Mine.AtMS
	}
	return a, a != archive.Relation{User: user, Other: r.Other}
}
