package account

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Users is the port of the accounts. All methods may be called from any goroutine; what they return belongs to the
// caller, arguments are borrowed until return. These rules hold for [Users], [Devices] and [Invitations] together:
//
//   - ACC-1 What a method returns is durable, and so is what it did: it stands after any crash. Touch alone may be lost.
//   - ACC-2 Ids of users and devices are never given twice, after any crash, not even when their owner is deleted.
//   - ACC-3 A handle, and an external id, belong to at most one account: of any number of callers at once, one makes it and
//     the others get the same id, or already_exists (handle_taken) where Terms asks for fresh ones.
//   - ACC-4 Create is all or nothing. An external id says who somebody is, a handle where there is none; where the handle
//     of an account with an external id is somebody else's, it is handle_taken.
//   - ACC-5 Update shows fn the latest state and stores what fn leaves, alone; fn's error stores nothing and is returned. fn
//     may be called again; it changes neither id, handle, external id nor Deleted.
//   - ACC-6 An Ending takes effect in the same step as the update that carries it: devices without a label are gone;
//     labelled ones stay, ended, so that a company's older token cannot bring them back.
//   - ACC-7 Delete frees the handle and the external id, drops devices and everything personal, and keeps id and version
//     (raised). Create then refuses, with signed_out, tokens for that external id that were issued before.
//   - ACC-8 There is at most one device per user and label; Add returns the one that is there.
//   - ACC-9 Add makes room as [Room.Make] says, in the same step: nothing goes, and nothing is stored, where that refuses. When an ended
//     one goes, tokens that it would have refused stay refused.
//   - ACC-10 An invitation makes at most as many accounts as it has uses, and none at or after its expiry.
//   - ACC-11 A bootstrap invitation makes an account only while there is no administrator. In the store of one process only the newest
//     one counts; where nodes share the store the newest of all of them do, until one of them is used.
//   - ACC-12 Missing things are not_found: user_not_found, device_not_found; invitations are invitation_invalid. Every error
//     is a *chat.Error. A closed store answers unavailable.
type Users interface {
	// Create makes accounts; it gives them their ids. Accounts that are there already are answered as they are.
	Create(ctx context.Context, accounts []Account, t Terms) ([]Made, error)
	// Accounts returns the accounts in the order asked; the zero Account where there is none, Deleted ones included.
	Accounts(ctx context.Context, ids []chat.UserID) ([]Account, error)
	// ByHandle finds by the normalised handle.
	ByHandle(ctx context.Context, handle string) (Account, error)
	ByExternal(ctx context.Context, external string) (Account, error)
	// Update changes an account, and ends devices where e says so; it returns which ended. fn may be nil. A deleted account is not found.
	Update(ctx context.Context, id chat.UserID, fn func(*Account) error, e Ending) (Account, []chat.DeviceID, error)
	// List returns at most limit accounts above after, ascending, without deleted ones.
	List(ctx context.Context, after chat.UserID, limit int) ([]Account, error)
	Delete(ctx context.Context, id chat.UserID, atMS uint64) error
	// Administrators is how many accounts have Admin set.
	Administrators(ctx context.Context) (int, error)
}

// Terms are the conditions of a Create.
type Terms struct {
	// Fresh refuses with handle_taken where any account is there already.
	Fresh bool
	// Invitation is the hash of the one to spend, once per account; zero for none. It needs Fresh.
	Invitation Hash
	// NowMS is compared with the invitation's expiry.
	NowMS uint64
	// IssuedMS is when the company's token was issued that asks for the account; 0 where none does.
	IssuedMS uint64
}

// Made is an account after Create.
type Made struct {
	ID chat.UserID
	// New: this call made it.
	New bool
	// Admin as stored: a bootstrap invitation sets it.
	Admin bool
}

// Ending says which devices an update ends. The zero value ends none.
type Ending struct {
	// Devices are the ones; All ends every device but Keep.
	Devices []chat.DeviceID
	All     bool
	Keep    chat.DeviceID
	AtMS    uint64
}

// Devices is the port of the devices; its rules stand at [Users].
type Devices interface {
	// Add stores a device of an account that is not deleted, and gives it an id. It returns those in use that had to go for it.
	Add(ctx context.Context, d Device, r Room) (Device, []chat.DeviceID, error)
	// Device returns one, ended or not.
	Device(ctx context.Context, user chat.UserID, id chat.DeviceID) (Device, error)
	// Devices returns the user's devices that have not ended, by id.
	Devices(ctx context.Context, user chat.UserID) ([]Device, error)
	// UpdateDevice is Update for a device.
	UpdateDevice(ctx context.Context, user chat.UserID, id chat.DeviceID, fn func(*Device) error) (Device, error)
	// Touch notes uses; devices that are gone are passed over. It does not wait for the disk.
	Touch(ctx context.Context, uses []Use) error
}

// Revocations is what a store can do, besides, that several nodes write to: each of them hears what any of them revoked.
//
//   - REV-1 What an Update, Add or Delete ended is told to who follows since before, within 2 s of its return or of the moment in
//     which the store can be reached again: at least once, by whichever node it was made, and after it is durable.
//   - REV-2 That is: devices that ended, which an Update that raises TokensFromMS tells together with 0; and all of a user that was
//     disabled or deleted.
type Revocations interface {
	// Follow calls tell, one call at a time, until ctx ends.
	Follow(ctx context.Context, tell func(Revocation))
}

// Device is one installed client of a user.
type Device struct {
	ID         chat.DeviceID
	User       chat.UserID
	Name       string
	Platform   Platform
	CreatedMS  uint64
	LastUsedMS uint64
	Address    string
	// Label is what a company's client calls the device; empty for devices that signed in here.
	Label string
	// EndedMS: the device was signed out; only labelled ones stay after that.
	EndedMS uint64
	// Refresh is the state of the refresh tokens.
	Refresh Rotation
	Later   chat.Later
}

// Rotation is the state of a device's refresh tokens. Tokens stand here as hashes only.
type Rotation struct {
	Number    uint64 // of the current token; access tokens that come with it carry it
	Current   Hash
	Previous  Hash   // the token that was shown for the current one
	DrawnMS   uint64 // when the current one was drawn
	ExpiresMS uint64
	// Sealed is the current token's secret, readable only with the previous token; see refreshtoken.go.
	Sealed Hash
	// Pending: nobody has used the current token yet, nor an access token that came with it, so the previous one is good.
	Pending bool
}

// Use is a sign of life of a device.
type Use struct {
	User    chat.UserID
	Device  chat.DeviceID
	AtMS    uint64
	Address string // empty leaves it as it is
}

// Invitations is the port of the invitations; its rules stand at [Users].
type Invitations interface {
	Invite(ctx context.Context, i Invitation) error
	// Invitation returns it, with uses left or not.
	Invitation(ctx context.Context, code Hash) (Invitation, error)
	// Prune drops those that expired before.
	Prune(ctx context.Context, beforeMS uint64) error
}

// Invitation lets people sign up.
type Invitation struct {
	Code      Hash
	Uses      uint32 // left
	ExpiresMS uint64
	// Bootstrap makes the first administrator.
	Bootstrap bool
	Later     chat.Later
}

// Hash is a SHA-256 of a secret, which is all of it that is stored.
type Hash [32]byte

// IsZero reports that there is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }
