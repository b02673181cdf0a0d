package social

import "github.com/throng-im/throng/internal/chat"

// Side is what one of two people has said about being friends with the other one.
type Side struct {
	// Want: the author asks to be friends. Two who both want are friends; one alone has made a request.
	Want bool
	// Turn counts what the author said. Each is above all turns of both that the author knew of then.
	Turn uint64
	// Ended is the last turn with which the author ended what was between the two: it takes the other one's wish back, too, where that
	// is not of a higher turn.
	Ended uint64
	// AtMS is when Want was last said, in milliseconds since 1970.
	AtMS uint64
	// Note goes with a request.
	Note string
}

// Stands reports whether the wish is one that the other side has not ended.
func (s Side) Stands(against Side) bool { return s.Want && s.Turn > against.Ended }

// Relation is a user's row about another one. The zero value, with Other alone, stands for a row that is not there.
type Relation struct {
	Other chat.UserID
	// Mine is what the owner said; Theirs is what the other one did, as far as it has come here.
	Mine, Theirs Side
	// Follow, Block and Remark are the owner's alone: the other one is not told of them.
	Follow, Block bool
	Remark        string
	// Version is that of the owner's list when what its owner sees of the row changed last; 0 where there is nothing to see.
	Version uint64
	// Met: the other one has a row about the owner, so that all rows about somebody are found through that one's own.
	Met bool
	// Due: Mine is not mirrored yet.
	Due   bool
	Later chat.Later
}

// Friendship is how far two are, as one of them sees it.
type Friendship uint8

// How far two are.
const (
	Strangers Friendship = iota
	Requested            // the owner of the row has asked
	Incoming             // the other one has
	Friends
)

// View is what a user sees of the own relation to another one.
type View struct {
	Other      chat.UserID
	Friendship Friendship
	// Note of a request that waits.
	Note string
	// SinceMS is since when they are friends, or when the request was made.
	SinceMS       uint64
	Follow, Block bool
	Remark        string
}

// Empty reports that there is nothing to see.
func (v View) Empty() bool { return v == View{Other: v.Other} }

// View is what the owner sees. A request of somebody who is blocked is not seen.
func (r Relation) View() View {
	v := View{Other: r.Other, Follow: r.Follow, Block: r.Block, Remark: r.Remark}
	mine, theirs := r.Mine.Stands(r.Theirs), r.Theirs.Stands(r.Mine)
	switch {
	case mine && theirs:
		v.Friendship, v.SinceMS = Friends, max(r.Mine.AtMS, r.Theirs.AtMS)
	case mine:
		v.Friendship, v.SinceMS, v.Note = Requested, r.Mine.AtMS, r.Mine.Note
	case theirs && !r.Block:
		v.Friendship, v.SinceMS, v.Note = Incoming, r.Theirs.AtMS, r.Theirs.Note
	}
	return v
}

// say puts down a wish of the owner, or the end of all wishes.
func (r *Relation) say(want bool, note string, nowMS uint64) {
	s := &r.Mine
	s.Turn = max(s.Turn, r.Theirs.Turn) + 1
	s.Want, s.AtMS, s.Note = want, nowMS, note
	if !want {
		s.Ended, s.AtMS = s.Turn, 0
	}
}

// hear puts down what the other one said. What is older than what stands is passed over.
func (r *Relation) hear(s Side) {
	if s.Turn > r.Theirs.Turn {
		r.Theirs = s
	}
	if !r.Mine.Stands(r.Theirs) { // it was ended
		r.Mine.Want, r.Mine.Note = false, ""
	}
}

// Owner is what stands once about all relations of a user.
type Owner struct {
	// Version counts changes of what the owner sees of the list.
	Version uint64
	// Floor is the version at which rows were last removed from the list: a device that knows an older floor reads the list anew.
	Floor uint64
	// How many rows want, follow, block and have a remark, and how many requests of others wait.
	Wants, Follows, Blocks, Remarks, Waiting uint32
	// From is whom the owner takes messages of.
	From chat.Gate
	// Day is the last one, in days since 1970, on which the owner asked somebody to be friends, and Asked how many times.
	Day, Asked uint32
	Later      chat.Later
}

// Recounted is the owner with the counts of what the owner alone says, as rows have it. How many requests wait is left as it is: that follows
// from mirrors, too, which may be on their way.
func (o Owner) Recounted(rows []Relation) Owner {
	waiting := o.Waiting
	o.Wants, o.Follows, o.Blocks, o.Remarks = 0, 0, 0, 0
	for i := range rows {
		o.count(&rows[i], 1)
	}
	o.Waiting = waiting
	return o
}

// count adds what a row says once more, or takes it off.
func (o *Owner) count(r *Relation, by uint32) {
	for _, c := range []struct {
		n   *uint32
		has bool
	}{
		{&o.Wants, r.Mine.Want},
		{&o.Follows, r.Follow},
		{&o.Blocks, r.Block},
		{&o.Remarks, r.Remark != ""},
		{&o.Waiting, r.View().Friendship == Incoming},
	} {
		if c.has {
			*c.n += by
		}
	}
}
