package archive

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/throng-im/throng/internal/chat"
)

// What other programs let pass in names and pictures is cleaned, so that one odd name among thousands does not stop an
// import: clients rely on what accounts and groups are held to. What tells users apart, and what would be lost, is refused.

// Cleaned counts what an import changed or left out.
type Cleaned struct {
	Names        uint64 `json:"names,omitempty"`        // of people and groups, changed
	Descriptions uint64 `json:"descriptions,omitempty"` // changed
	Pictures     uint64 `json:"pictures,omitempty"`     // left out
	Handles      uint64 `json:"handles,omitempty"`      // sign-in names, left out
	Settings     uint64 `json:"settings,omitempty"`     // of people who are no members there, left out
}

// String says it for a person; empty where nothing was changed.
func (c Cleaned) String() string {
	var parts []string
	for _, p := range []struct {
		n    uint64
		what string
	}{
		{c.Names, "names changed"},
		{c.Descriptions, "descriptions changed"},
		{c.Pictures, "pictures left out"},
		{c.Handles, "sign-in names left out"},
		{c.Settings, "settings of people who are no members left out"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// counting cleans, and counts what was not as it should be.
func counting(clean func(string) string, n *uint64) func(string) string {
	return func(text string) string {
		out := clean(text)
		if out != text {
			*n++
		}
		return out
	}
}

func (c *Cleaned) name(text string) string      { return counting(cleanName, &c.Names)(text) }
func (c *Cleaned) groupName(text string) string { return counting(cleanGroupName, &c.Names)(text) }
func (c *Cleaned) avatar(ref string) string     { return counting(cleanAvatar, &c.Pictures)(ref) }
func (c *Cleaned) description(text string) string {
	return counting(cleanDescription, &c.Descriptions)(text)
}

// unnamed is what a group is called when nothing of its name can stand.
const unnamed = "unnamed"

// cleanText drops what may not stand in a name, and line breaks too unless lines is set.
func cleanText(text string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'):
			return r
		case r == '\n' || r == '\t':
			return ' '
		case chat.Unprintable(r):
			return -1
		default:
			return r
		}
	}, text)
}

func cleanName(name string) string { return cut(cleanText(name, false), chat.MaxNameRunes) }

func cleanGroupName(name string) string {
	clean := cleanName(name)
	if clean != name && strings.TrimSpace(clean) == "" {
		return unnamed
	}
	return clean
}

// cleanAvatar drops a reference that clients could not follow without harm.
func cleanAvatar(ref string) string {
	if len(ref) > chat.MaxRefBytes || !chat.SafeRef(ref) || strings.ContainsFunc(ref, chat.Unprintable) {
		return ""
	}
	return ref
}

func cleanDescription(text string) string {
	text = cleanText(text, true)
	if len(text) <= chat.MaxDescription {
		return text
	}
	end := chat.MaxDescription
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// cleanShort is one line of at most some characters.
func cleanShort(text string, most int) string {
	runes := []rune(strings.TrimSpace(cleanText(text, false)))
	return string(runes[:min(len(runes), most)])
}

// user cleans what a user is called and refuses what cannot be cleaned.
func (c *Cleaned) user(u User) (User, error) {
	u.Name, u.Avatar = c.name(u.Name), c.avatar(u.Avatar)
	if len(u.ExternalID) > chat.MaxExternalID || strings.ContainsFunc(u.ExternalID, chat.Unprintable) {
		return u, fmt.Errorf("the external_id of user %d has more than %d bytes or control characters; change it in this line, or take it out",
			u.ID, chat.MaxExternalID)
	}
	size := 0
	for name, value := range u.Attributes {
		size += len(name) + len(value)
	}
	if len(u.Attributes) > chat.MaxAttributes || size > chat.MaxAttributeBytes {
		return u, fmt.Errorf("user %d has more than %d attributes or %d bytes of them; take some out of this line",
			u.ID, chat.MaxAttributes, chat.MaxAttributeBytes)
	}
	return u, nil
}

func (c *Cleaned) decode(in body) (chat.Body, error) {
	b, err := decodeBody(in)
	if err != nil {
		return nil, err
	}
	return c.body(b)
}

// body cleans what a group is called in an entry, and refuses a file that clients could not follow.
func (c *Cleaned) body(b chat.Body) (chat.Body, error) {
	switch v := b.(type) {
	case chat.Created:
		v.Name, v.Avatar, v.Description = c.groupName(v.Name), c.avatar(v.Avatar), c.description(v.Description)
		return v, nil
	case chat.Changed:
		v.Name, v.Avatar, v.Description = cleaned(v.Name, c.groupName), cleaned(v.Avatar, c.avatar), cleaned(v.Description, c.description)
		v.Announcement = cleaned(v.Announcement, c.description)
		return v, nil
	case chat.Media:
		if !chat.SafeRef(v.Ref) {
			return nil, errors.New("the ref of a file is neither a blob nor an https URL; change it in this line")
		}
	case chat.Edit:
		var err error
		if v.Body, err = c.body(v.Body); err == nil {
			v.Was, err = c.body(v.Was)
		}
		return v, err
	default:
	}
	return b, nil
}

func cleaned(text *string, by func(string) string) *string {
	if text == nil {
		return nil
	}
	clean := by(*text)
	return &clean
}
