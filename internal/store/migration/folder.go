package migration

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// metaCopied are the numbers that go along: what was given out is never given out again, and clients know the epoch.
//
//nolint:gochecknoglobals // a list of constants
var metaCopied = []string{record.MetaEpoch, record.MetaOrigin, record.MetaLastUser, record.MetaLastDevice, record.MetaNextConversation}

func metaNames() string { return "'" + strings.Join(metaCopied, "', '") + "'" }

// Folder is a data folder that nobody serves from (store/pebble's Reader).
type Folder interface {
	// Number reads a number that stands once; 0 where it does not.
	Number(name string) (uint64, error)
	// Walk hands the rows whose keys lie behind one to fn, in the order of keys; fn borrows them.
	Walk(ctx context.Context, behind []byte, fn func(key, value []byte) error) error
}

func numberOf(value []byte) (uint64, error) {
	r := record.NewReader(value)
	n := r.Number()
	if !r.Done() {
		return 0, record.ErrDamaged("number")
	}
	return n, nil
}

// walk hands the rows of the databases that each row of a folder becomes to fn, for keys behind one. What fn gets is its own.
func walk(ctx context.Context, f Folder, behind []byte, fn func(key []byte, rows []row) error) error {
	return f.Walk(ctx, behind, func(key, value []byte) error {
		key = slices.Clone(key)
		rows, err := rowsOf(key, slices.Clone(value))
		if err != nil {
			return err
		}
		return fn(key, rows)
	})
}

// rowsOf says what a row of a folder becomes.
func rowsOf(key, value []byte) ([]row, error) {
	switch key[0] {
	case record.TableEntry:
		return keyed(entries, 2, key, value)
	case record.TableRepeat:
		return keyed(repeats, 2, key, value)
	case record.TableHead:
		return keyed(heads, 1, key, value)
	case record.TableConversation:
		return keyed(conversations, 1, key, value)
	case record.TableMember:
		return rowsOfMember(key, value)
	case record.TablePair:
		return pointing(pairs, 2, key, value)
	case record.TableClaim:
		return pointing(claims, 1, key, value)
	case record.TableSettings:
		if len(key) != record.Key2Len {
			return nil, record.ErrDamaged("settings")
		}
		return []row{{settings, []uint64{record.First(key), record.Second(key), 1}, [][]byte{value}}}, nil
	case record.TableUser, record.TableDevice, record.TableInvitation:
		return rowsOfPeople(key, value)
	case record.TableRelation:
		return rowsOfRelation(key, value)
	case record.TableOwner:
		return keyed(owners, 1, key, value)
	case record.TableLink:
		return keyed(links, 2, key, value)
	case record.TableHandle, record.TableExternal, record.TableImported, record.TableMeta:
		return rowsOfNames(key, value)
	case record.TableLead, record.TableRow, record.TableLast, record.TableEvent, record.TableRelated, record.TableDue:
		return nil, nil // derived from others, or events of a moment
	default:
		return nil, fmt.Errorf("the folder has a table %q, which this version of throng does not know", key[0])
	}
}

// keyed is a row whose key begins with numbers; what else the key has is a column before the value.
func keyed(t *table, n int, key, value []byte) ([]row, error) {
	r := row{t: t}
	rest, err := r.take(n, key)
	if err != nil || (len(rest) > 0) != (len(t.blobs) == 2) {
		return nil, record.ErrDamaged(t.name)
	}
	if len(rest) > 0 {
		r.blobs = append(r.blobs, rest)
	}
	r.blobs = append(r.blobs, value)
	return []row{r}, nil
}

// pointing is keyed for a row whose value is the id of a conversation.
func pointing(t *table, n int, key, value []byte) ([]row, error) {
	r := row{t: t}
	rest, err := r.take(n, key)
	if err != nil {
		return nil, err
	}
	to, err := numberOf(value)
	if err != nil || (len(rest) > 0) != (len(t.blobs) > 0) {
		return nil, record.ErrDamaged(t.name)
	}
	r.numbers = append(r.numbers, to)
	if len(rest) > 0 {
		r.blobs = [][]byte{rest}
	}
	return []row{r}, nil
}

// take reads numbers of a key, and returns what stands behind them.
func (r *row) take(n int, key []byte) ([]byte, error) {
	if len(key) < 1+8*n {
		return nil, record.ErrDamaged(r.t.name)
	}
	for i := range n {
		r.numbers = append(r.numbers, binary.BigEndian.Uint64(key[1+8*i:]))
	}
	return key[1+8*n:], nil
}

// rowsOfMember are the member, its place among the leaders, and the conversation among those of the user.
func rowsOfMember(key, value []byte) ([]row, error) {
	if len(key) != record.Key2Len {
		return nil, record.ErrDamaged("member")
	}
	id, user := record.First(key), record.Second(key)
	in := record.NewReader(value)
	m := in.Part(chat.UserID(user)).Member
	if !in.Done() {
		return nil, record.ErrDamaged("member")
	}
	out := []row{{members, []uint64{id, user, flag(m.Current())}, [][]byte{value}}}
	if role := record.Listed(m); role != 0 {
		out = append(out, row{leaders, []uint64{id, user, uint64(role)}, nil})
	}
	if seq := record.ChangeSeq(m); seq > 0 {
		out = append(out, row{inside, []uint64{user, id, flag(m.Current()), uint64(seq)}, nil})
	}
	return out, nil
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

func rowsOfPeople(key, value []byte) ([]row, error) {
	in := record.NewReader(value)
	var r row
	switch {
	case key[0] == record.TableUser && len(key) == record.Key1Len:
		a := in.Account(chat.UserID(record.First(key)))
		r = row{accounts, []uint64{record.First(key), flag(a.Admin)}, [][]byte{value}}
	case key[0] == record.TableDevice && len(key) == record.Key2Len:
		d := in.Device(chat.UserID(record.First(key)), chat.DeviceID(record.Second(key)))
		r = row{devices, []uint64{record.First(key), record.Second(key)}, [][]byte{[]byte(d.Label), value}}
	case key[0] == record.TableInvitation && len(key) == 1+len(account.Hash{}):
		i := in.Invitation(account.Hash(key[1:]))
		r = row{invitations, []uint64{flag(i.Bootstrap), i.ExpiresMS}, [][]byte{key[1:], value}}
	}
	if r.t == nil || !in.Done() {
		return nil, record.ErrDamaged("account, device or invitation")
	}
	return []row{r}, nil
}

func rowsOfRelation(key, value []byte) ([]row, error) {
	if len(key) != record.Key2Len {
		return nil, record.ErrDamaged("relation")
	}
	user, other := record.First(key), record.Second(key)
	in := record.NewReader(value)
	r := in.Relation(chat.UserID(other))
	if !in.Done() {
		return nil, record.ErrDamaged("relation")
	}
	return []row{{relations, []uint64{user, other, r.Version, flag(r.Due)}, [][]byte{value}}}, nil
}

// rowsOfNames are those whose key is a name and whose value is a number.
func rowsOfNames(key, value []byte) ([]row, error) {
	name := key[1:]
	if key[0] == record.TableMeta && !slices.Contains(metaCopied, string(name)) {
		return nil, nil
	}
	n, err := numberOf(value)
	if err != nil {
		return nil, err
	}
	switch {
	case key[0] == record.TableMeta:
		return []row{{numbers, []uint64{n}, [][]byte{name}}}, nil
	case key[0] == record.TableHandle:
		return []row{{handles, []uint64{n}, [][]byte{name}}}, nil
	case key[0] == record.TableExternal && len(name) > 1 && name[0] == 1:
		return []row{{externals, []uint64{n}, [][]byte{name[1:]}}}, nil
	case key[0] == record.TableExternal && len(name) > 1 && name[0] == 0:
		return []row{{ended, []uint64{n}, [][]byte{name[1:]}}}, nil
	case key[0] == record.TableImported:
		in := record.NewReader(name)
		size := in.Number()
		at := len(binary.AppendUvarint(nil, size))
		if rest := len(name) - at - 1 - 8; in.Broken() || rest < 0 || uint64(rest) != size {
			return nil, record.ErrDamaged("import")
		}
		origin, kind := name[at:len(name)-9], name[len(name)-9:len(name)-8]
		return []row{{imported, []uint64{binary.BigEndian.Uint64(name[len(name)-8:]), n}, [][]byte{origin, kind}}}, nil
	}
	return nil, record.ErrDamaged("name")
}
