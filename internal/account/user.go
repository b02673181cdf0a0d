package account

import (
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

// User is an account as its owner and administrators see it.
type User struct {
	ID         chat.UserID
	Handle     string // as [NormalizeHandle] returns it; empty for a company's users
	ExternalID string
	Name       string
	Avatar     string
	Attributes map[string]string
	Version    uint64 // of the profile: 1, then raised by every change
	Admin      bool
	Disabled   bool
	CreatedMS  uint64
	Privacy    Privacy
}

// Privacy is what a user does not tell others. The zero value tells them.
type Privacy struct {
	// NoReceipts: others do not see what the user has read, and the user does not see what others have.
	NoReceipts bool
	// Unlisted: nobody finds the user by the handle.
	Unlisted bool
}

// Profile is what others see of a user.
type Profile struct {
	User    chat.UserID
	Name    string
	Avatar  string
	Version uint64
}

// Account is a user with what nobody sees.
type Account struct {
	User
	// Password is the hash in PHC form; empty where there is none.
	Password string
	// PasswordSet counts how often a password was chosen; a better hash of the same one does not count.
	PasswordSet uint64
	// TokensFromMS: tokens of a company that were issued up to this time are refused.
	TokensFromMS uint64
	// Deleted: only the id and the version are left.
	Deleted bool
	Later   chat.Later
}

// Profile returns what others see.
func (u User) Profile() Profile {
	return Profile{User: u.ID, Name: u.Name, Avatar: u.Avatar, Version: u.Version}
}

func (u User) clone() User {
	u.Attributes = maps.Clone(u.Attributes)
	return u
}

// Platform is the class of a device; its numbers are those of the wire.
type Platform uint8

// The platforms.
const (
	PlatformUnspecified Platform = iota
	PlatformWeb
	PlatformDesktop
	PlatformPhone
	PlatformTerminal
	PlatformServer
	PlatformTablet
)

// Bounds of what describes a device.
const (
	maxDeviceName  = 128 // runes
	maxDeviceLabel = 64  // bytes
	maxAddress     = 64  // bytes
	maxAttrKey     = 64  // bytes
)

// NewDevice tells what signs in.
type NewDevice struct {
	Name     string
	Platform Platform
	// Address is where the request came from.
	Address string
}

func (d NewDevice) validate() error {
	if err := checkText("device name", d.Name, maxDeviceName); err != nil {
		return err
	}
	if d.Platform > PlatformTablet {
		return errField("platform", "is not one of the known ones")
	}
	return nil
}

// ProfileChange names the fields of a profile that get new values; nil stays as it is.
type ProfileChange struct {
	Name   *string
	Avatar *string
	// Attributes replace the old ones where SetAttributes is true.
	Attributes    map[string]string
	SetAttributes bool
}

func (c ProfileChange) empty() bool { return c.Name == nil && c.Avatar == nil && !c.SetAttributes }

func (c ProfileChange) validate() error {
	if c.Name != nil {
		if err := checkText("name", *c.Name, chat.MaxNameRunes); err != nil {
			return err
		}
	}
	if c.Avatar != nil {
		if err := checkAvatar(*c.Avatar); err != nil {
			return err
		}
	}
	return checkAttributes(c.Attributes)
}

// apply changes u and raises its version, where anything is different.
func (c ProfileChange) apply(u *User) {
	before := u.clone()
	if c.Name != nil {
		u.Name = strings.TrimSpace(*c.Name)
	}
	if c.Avatar != nil {
		u.Avatar = *c.Avatar
	}
	if c.SetAttributes {
		u.Attributes = maps.Clone(c.Attributes)
	}
	if u.Name != before.Name || u.Avatar != before.Avatar || !maps.Equal(u.Attributes, before.Attributes) {
		u.Version++
	}
}

// checkText holds for what people call themselves and their devices: one line, no control characters.
func checkText(field, text string, runes int) error {
	if len(text) > runes*utf8.UTFMax || utf8.RuneCountInString(text) > runes {
		return errTooLarge(field, "is too long")
	}
	if !utf8.ValidString(text) {
		return errField(field, "is not valid UTF-8")
	}
	if strings.ContainsFunc(text, chat.Unprintable) {
		return errField(field, "has control characters, line breaks or marks that turn the direction of text")
	}
	return nil
}

func checkAvatar(ref string) error {
	if len(ref) > chat.MaxRefBytes {
		return errTooLarge("avatar", "is too long")
	}
	if !chat.SafeRef(ref) {
		return errField("avatar", "refers to a blob or to an https URL")
	}
	return checkText("avatar", ref, chat.MaxRefBytes)
}

func checkAttributes(attributes map[string]string) error {
	if len(attributes) > chat.MaxAttributes {
		return errTooLarge("attributes", "are too many")
	}
	size := 0
	for k, v := range attributes {
		if k == "" || len(k) > maxAttrKey || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return errField("attributes", "need names of 1 to 64 bytes and values in UTF-8")
		}
		size += len(k) + len(v)
	}
	if size > chat.MaxAttributeBytes {
		return errTooLarge("attributes", "are too large together")
	}
	return nil
}

// checkExternalID holds for ids that a company gives its users: any text of 1 to 128 bytes on one line.
func checkExternalID(id string) error {
	if id == "" {
		return errField("external id", "is empty")
	}
	if len(id) > chat.MaxExternalID {
		return errTooLarge("external id", "has more than 128 bytes")
	}
	return checkText("external id", id, chat.MaxExternalID)
}
