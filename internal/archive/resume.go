package archive

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// ErrWhole is what [Inspect] answers for an archive that has its end.
var ErrWhole = errors.New("the archive is whole")

// Cut says how far an export came that was cut off. An export with it in its options goes on from there.
type Cut struct {
	Origin    string `json:"origin"`
	Passwords bool   `json:"passwords,omitempty"`
	// Offset is how many bytes of the archive stay; what an export writes from the cut belongs right behind them.
	Offset int64 `json:"offset"`
	// Users stand in it, and Conversations with everything that belongs to them.
	Users         Spans `json:"users,omitempty"`
	Conversations Spans `json:"conversations,omitempty"`
	// Open is the conversation that it was cut in, 0 for none, and LastSeq its last entry.
	Open    chat.ConversationID `json:"open,omitempty"`
	LastSeq chat.Seq            `json:"last_seq,omitempty"`
	Counts  Counts              `json:"counts"`

	settings bool // they have begun: they come again, so from there on only the end is looked for
}

// Spans are ids, each span with both its ends, ascending. Ids that a server gave out in a row cost one span.
type Spans [][2]uint64

func (s Spans) has(id uint64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i][1] >= id })
	return i < len(s) && s[i][0] <= id
}

// with adds an id. The spans are in the order of the additions until sort.
func (s Spans) with(id uint64) Spans {
	if n := len(s); n > 0 && s[n-1][1]+1 == id {
		s[n-1][1] = id
		return s
	}
	return append(s, [2]uint64{id, id})
}

func (s Spans) sort() {
	slices.SortFunc(s, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
}

// begun reports whether anything was exported yet.
func (c Cut) begun() bool { return c.Origin != "" }

// whole notes that the open conversation has everything.
func (c *Cut) whole() {
	if c.Open != 0 {
		c.Conversations = c.Conversations.with(uint64(c.Open))
	}
	c.Open, c.LastSeq = 0, 0
}

// Inspect reads an archive up to where it was cut, and says how to go on. The last line may be a part of one; so may be
// any that a power cut left behind, with everything after it, since the file's end may reach the disk before its middle.
// It answers [ErrWhole] where nothing is missing, and the zero Cut where not even the first line is there.
//
// Members, read positions and settings after the last entry are not kept: they come again, all of one moment.
func Inspect(r io.Reader) (Cut, error) {
	var c Cut
	var offset int64
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		text, err := readLine(in)
		if errors.Is(err, io.EOF) || errors.Is(err, errLongLine) || err == nil && !json.Valid(text) {
			if offset == 0 && !begins(text, err) {
				return c, errNoArchive()
			}
			break // not a line that an export wrote
		}
		if err != nil {
			return c, fmt.Errorf("reading the archive: %w", err)
		}
		before := offset
		offset += int64(len(text))
		more, err := c.line(text, before, offset)
		if err != nil {
			return c, err
		}
		if !more {
			break
		}
	}
	c.Users.sort()
	c.Conversations.sort()
	return c, nil
}

// begins reports whether a first line that is not whole is what an export may have left: a part of its header, behind which a power
// cut left zeros or nothing. Anything else is somebody's file, which an export must not take the place of.
func begins(text []byte, err error) bool {
	if errors.Is(err, errLongLine) {
		return false
	}
	const first = `{"type":"` + typeHeader + `"`
	text = bytes.TrimRight(text, "\x00")
	return strings.HasPrefix(first, string(text)) || bytes.HasPrefix(text, []byte(first))
}

// line takes one line between two offsets; more is false where what follows is not kept.
func (c *Cut) line(text []byte, from, to int64) (more bool, err error) {
	kind, err := typeOf(text)
	switch {
	case from == 0 && kind != typeHeader:
		return false, errNoArchive()
	case err != nil:
		return false, nil //nolint:nilerr // a line that is none of ours is where the archive ends
	}
	if c.settings && kind != typeEnd {
		return true, nil
	}
	switch kind {
	case typeHeader:
		return c.header(text, to)
	case typeUser:
		var u struct {
			ID chat.UserID `json:"id"`
		}
		err = json.Unmarshal(text, &u)
		c.Users = c.Users.with(uint64(u.ID))
		c.Counts.Users++
	case typeConversation:
		var v struct {
			ID chat.ConversationID `json:"id"`
		}
		err = json.Unmarshal(text, &v)
		c.whole()
		c.Open = v.ID
		c.Counts.Conversations++
	case typeEntry:
		var e struct {
			Seq chat.Seq `json:"seq"`
		}
		err = json.Unmarshal(text, &e)
		c.LastSeq = e.Seq
		c.Counts.Entries++
	case typeMember, typeRead:
		return true, nil
	case typeSetting, typeRelation, typePrivacy:
		c.whole()
		c.Offset, c.settings = from, true
		return true, nil
	case typeEnd:
		return false, ErrWhole
	default:
		return false, fmt.Errorf("the line at byte %d has the unknown type %q; a newer program may have written it", from, kind)
	}
	if err != nil {
		return false, fmt.Errorf("the line at byte %d: %w", from, err)
	}
	c.Offset = to
	return true, nil
}

func (c *Cut) header(text []byte, to int64) (more bool, err error) {
	var h header
	if err := json.Unmarshal(text, &h); err != nil || h.Origin == "" || c.Origin != "" {
		return false, errNoArchive()
	}
	if h.Version > version {
		return false, errNewer(h.Version)
	}
	c.Origin, c.Passwords, c.Offset = h.Origin, h.Passwords, to
	return true, nil
}

func errNoArchive() error {
	return errors.New("this is no archive of Throng: its first line has type throng and names an origin")
}

func errNewer(v int) error {
	return fmt.Errorf("the archive has version %d, this program knows up to %d; use a newer program", v, version)
}
