package redis

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// line is a timeline as it is in Redis.
type line struct {
	end     timeline.End
	entries map[chat.ConversationID]lineRow
}

// lineRow is a row of it.
type lineRow struct {
	pts     timeline.PTS
	seq     chat.Seq
	version uint64
	current bool
}

var errLine = errors.New("a timeline is not readable")

// parse reads a row. Behind its numbers may be others, of a later version.
func (r *lineRow) parse(text string) error {
	var n [4]uint64
	rest := text
	for i := range n {
		var part string
		var more bool
		part, rest, more = strings.Cut(rest, " ")
		if !more && i < len(n)-1 {
			return unavailable(errLine, "reading a timeline")
		}
		var err error
		if n[i], err = strconv.ParseUint(part, 10, 64); err != nil {
			return unavailable(errLine, "reading a timeline")
		}
	}
	*r = lineRow{pts: timeline.PTS(n[0]), seq: chat.Seq(n[1]), version: n[2], current: n[3] != 0}
	return nil
}

func (r *lineRow) text() string {
	return number(uint64(r.pts)) + " " + number(uint64(r.seq)) + " " + number(r.version) + " " + digit(r.current)
}

// parseLine reads the fields and values of a timeline that a server with the replication id has.
func parseLine(id string, fields []string) (*line, error) {
	l := &line{entries: make(map[chat.ConversationID]lineRow, len(fields)/2)}
	var g, n, m string
	for i := 0; i+1 < len(fields); i += 2 {
		switch value := fields[i+1]; fields[i] {
		case "g":
			g = value
		case "n":
			n = value
		case "m":
			m = value
		case "x":
		default:
			conversation, err := strconv.ParseUint(fields[i], 10, 64)
			if err != nil {
				continue // of a newer version
			}
			var r lineRow
			if err := r.parse(value); err != nil {
				return nil, err
			}
			l.entries[chat.ConversationID(conversation)] = r
		}
	}
	var err error
	l.end, err = parseEnd(id, g, n, m)
	return l, err
}

func parseEnd(id, g, n, m string) (timeline.End, error) {
	generation, errG := strconv.ParseUint(g, 10, 64)
	last, errN := strconv.ParseUint(n, 10, 64)
	current, errM := strconv.ParseUint(m, 10, 64)
	if errG != nil || errN != nil || errM != nil {
		return timeline.End{}, unavailable(errLine, "reading a timeline")
	}
	return timeline.End{Generation: mix(generation, id), Last: timeline.PTS(last), Current: current}, nil
}

// mix makes the generation that is given out: another one wherever one of its parts is.
func mix(generation uint64, id string) uint64 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], generation)
	h := fnv.New64a()
	_, _ = h.Write(b[:]) // a hash takes everything
	if mutant != mutantGenerationBare {
		_, _ = h.Write([]byte(id))
	}
	sum := h.Sum64()
	sum = (sum ^ sum>>32) * 0x9E3779B97F4A7C15 // FNV's lower bits alone say little
	return (sum^sum>>29)%chat.MaxID + 1
}

// newLine makes a timeline of what the shelf has: each row gets a place of its own.
func newLine(kept []timeline.Kept) *line {
	l := &line{entries: make(map[chat.ConversationID]lineRow, len(kept))}
	for _, k := range kept {
		if _, ok := k.Row(); !ok {
			continue
		}
		l.end.Last++
		if k.Current {
			l.end.Current++
		}
		l.entries[k.Conversation] = lineRow{pts: l.end.Last, seq: k.Seq, version: k.Version, current: k.Current}
	}
	return l
}

// behind returns what the timeline does not have yet of what the shelf has. What the shelf has is written first, so some of it
// may just be on its way.
func (l *line) behind(kept []timeline.Kept) []timeline.Kept {
	var out []timeline.Kept
	for _, k := range kept {
		r, ok := l.entries[k.Conversation]
		if _, is := k.Row(); !is {
			continue
		}
		if !ok || k.Seq > r.seq || k.Version > r.version {
			out = append(out, k)
		}
	}
	return out
}

// rows returns the timeline with the settings of the shelf, which were read after it.
func (l *line) rows(kept []timeline.Kept) timeline.Rows {
	out := timeline.Rows{End: l.end}
	if len(l.entries) > 0 {
		out.Rows = make([]timeline.Row, 0, len(l.entries))
	}
	settings := make(map[chat.ConversationID]timeline.Settings, len(kept))
	for _, k := range kept {
		settings[k.Conversation] = k.Settings
	}
	for id, r := range l.entries {
		out.Rows = append(out.Rows, timeline.Row{
			Conversation: id, PTS: r.pts, Current: r.current, Seq: r.seq, Settings: settings[id],
		})
	}
	slices.SortFunc(out.Rows, func(a, b timeline.Row) int {
		return cmp.Or(cmp.Compare(a.PTS, b.PTS), cmp.Compare(a.Conversation, b.Conversation))
	})
	return out
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}
