package record

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
)

const (
	flagAdmin = 1 << iota
	flagDisabled
	flagDeleted
)

// flagPending is in the flags that end a device row whose refresh token was not used yet; one that would have none ends without flags.
const flagPending = 1

// blockPrivacy begins a block of an account with what the user does not tell others, in a byte, in front. Who does not know of it keeps it as
// one of a later version. What other versions put there begins otherwise.
const blockPrivacy = 1

// AppendAccount writes an account.
func AppendAccount(b []byte, a account.Account) []byte {
	var flags byte
	if a.Admin {
		flags |= flagAdmin
	}
	if a.Disabled {
		flags |= flagDisabled
	}
	if a.Deleted {
		flags |= flagDeleted
	}
	later := laterOf(a.Later)
	if a.Privacy != (account.Privacy{}) {
		later = chat.Later([]byte{blockPrivacy, flag(a.Privacy.NoReceipts) | flag(a.Privacy.Unlisted)<<1}) + later
	}
	if later != "" {
		flags |= flagLater
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, a.CreatedMS)
	b = binary.AppendUvarint(b, a.Version)
	b = binary.AppendUvarint(b, a.TokensFromMS)
	b = binary.AppendUvarint(b, a.PasswordSet)
	for _, s := range []string{a.Handle, a.ExternalID, a.Name, a.Avatar, a.Password} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(a.Attributes)))
	for _, k := range slices.Sorted(maps.Keys(a.Attributes)) {
		b = appendString(appendString(b, k), a.Attributes[k])
	}
	return appendLater(b, later)
}

// Account reads an account.
func (r *Reader) Account(id chat.UserID) account.Account {
	flags := r.byte()
	a := account.Account{User: account.User{
		ID: id, Admin: flags&flagAdmin != 0, Disabled: flags&flagDisabled != 0, CreatedMS: r.Number(), Version: r.Number(),
	}, Deleted: flags&flagDeleted != 0, TokensFromMS: r.Number(), PasswordSet: r.Number()}
	for _, s := range []*string{&a.Handle, &a.ExternalID, &a.Name, &a.Avatar, &a.Password} {
		*s = r.string()
	}
	if n := r.count(); n > 0 {
		a.Attributes = make(map[string]string, n)
		for range n {
			k := r.string()
			a.Attributes[k] = r.string()
		}
	}
	a.Later = r.later(flags)
	if p := a.Later; len(p) > 1 && p[0] == blockPrivacy {
		a.Privacy, a.Later = account.Privacy{NoReceipts: p[1]&1 != 0, Unlisted: p[1]&2 != 0}, p[2:]
	}
	return a
}

// AppendDevice writes a device.
func AppendDevice(b []byte, d account.Device) []byte {
	b = append(b, byte(d.Platform))
	for _, s := range []string{d.Name, d.Address, d.Label} {
		b = appendString(b, s)
	}
	r := d.Refresh
	for _, n := range []uint64{d.CreatedMS, d.LastUsedMS, d.EndedMS, r.Number, r.DrawnMS, r.ExpiresMS} {
		b = binary.AppendUvarint(b, n)
	}
	for _, h := range []account.Hash{r.Current, r.Previous, r.Sealed} {
		b = append(b, h[:]...)
	}
	var flags byte
	if r.Pending {
		flags = flagPending
	}
	later := laterOf(d.Later)
	if later != "" {
		flags |= flagLater
	}
	if flags == 0 {
		return b
	}
	return appendLater(append(b, flags), later)
}

// Device reads a device.
func (r *Reader) Device(user chat.UserID, id chat.DeviceID) account.Device {
	d := account.Device{ID: id, User: user, Platform: account.Platform(r.byte())}
	for _, s := range []*string{&d.Name, &d.Address, &d.Label} {
		*s = r.string()
	}
	t := &d.Refresh
	for _, n := range []*uint64{&d.CreatedMS, &d.LastUsedMS, &d.EndedMS, &t.Number, &t.DrawnMS, &t.ExpiresMS} {
		*n = r.Number()
	}
	for _, h := range []*account.Hash{&t.Current, &t.Previous, &t.Sealed} {
		copy(h[:], r.raw(uint64(len(h))))
	}
	// Rows written before there was a pending rotation end here: theirs are settled, as they were then.
	if !r.Done() {
		flags := r.byte()
		t.Pending, d.Later = flags&flagPending != 0, r.later(flags)
	}
	return d
}

// AppendInvitation writes an invitation.
func AppendInvitation(b []byte, i account.Invitation) []byte {
	flags, later := flag(i.Bootstrap), laterOf(i.Later)
	if later != "" {
		flags |= flagLater
	}
	return appendLater(appendNumbers(append(b, flags), uint64(i.Uses), i.ExpiresMS), later)
}

// Invitation reads an invitation.
func (r *Reader) Invitation(code account.Hash) account.Invitation {
	flags := r.byte()
	i := account.Invitation{Code: code, Bootstrap: flags&^flagLater != 0}
	i.Uses = uint32(r.Number())
	i.ExpiresMS = r.Number()
	i.Later = r.later(flags)
	return i
}

// KeyUser is the key of an account.
func KeyUser(id chat.UserID) []byte { return Key1(TableUser, uint64(id)) }

// KeyHandle is the key under which an account is found by its handle.
func KeyHandle(handle string) []byte { return append([]byte{TableHandle}, handle...) }

// KeyExternal is the key under which an account is found by its external id. External ids and the marks of deleted ones share a
// table: 1 and the id, 0 and a hash of what may no longer be kept.
func KeyExternal(id string) []byte { return append([]byte{TableExternal, 1}, id...) }

// KeyExternalEnded is the key of the mark that an account with an external id was deleted, and when.
func KeyExternalEnded(id string) []byte {
	hash := sha256.Sum256([]byte(id))
	return append([]byte{TableExternal, 0}, hash[:]...)
}

// KeyDevice is the key of a device.
func KeyDevice(user chat.UserID, id chat.DeviceID) []byte {
	return Key2(TableDevice, uint64(user), uint64(id))
}

// KeyInvitation is the key of an invitation.
func KeyInvitation(code account.Hash) []byte { return append([]byte{TableInvitation}, code[:]...) }
