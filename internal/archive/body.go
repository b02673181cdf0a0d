package archive

import (
	"errors"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
)

// body is a chat.Body in an archive: exactly one field is set, [body.Recalled] apart.
type body struct {
	Text      *string      `json:"text,omitempty"`
	Media     *mediaBody   `json:"media,omitempty"`
	Custom    *customBody  `json:"custom,omitempty"`
	System    *systemBody  `json:"system,omitempty"`
	Created   *createdBody `json:"created,omitempty"`
	Members   *membersBody `json:"members,omitempty"`
	Changed   *changedBody `json:"changed,omitempty"`
	Dissolved *struct{}    `json:"dissolved,omitempty"`
	Tombstone *string      `json:"tombstone,omitempty"`
	Recalled  *recalled    `json:"recalled,omitempty"` // beside a tombstone
	Edit      *editBody    `json:"edit,omitempty"`
	Recall    *recallBody  `json:"recall,omitempty"`
	Pin       *pinBody     `json:"pin,omitempty"`
}

type pinBody struct {
	Target chat.Seq `json:"target"`
	On     bool     `json:"on,omitempty"`
}

type recalled struct {
	Seq  chat.Seq    `json:"seq"`
	By   chat.UserID `json:"by,omitempty"`
	Note string      `json:"note,omitempty"`
}

type editBody struct {
	Target chat.Seq `json:"target"`
	Body   *body    `json:"body,omitempty"`
	Was    *body    `json:"was,omitempty"`
}

type recallBody struct {
	Target chat.Seq `json:"target"`
	Note   string   `json:"note,omitempty"`
}

type mediaBody struct {
	Type       string `json:"type"`
	Ref        string `json:"ref"`
	MIME       string `json:"mime,omitempty"`
	Size       uint64 `json:"size,omitempty"`
	Width      uint32 `json:"width,omitempty"`
	Height     uint32 `json:"height,omitempty"`
	DurationMS uint32 `json:"duration_ms,omitempty"`
	Name       string `json:"name,omitempty"`
	Caption    string `json:"caption,omitempty"`
	Preview    []byte `json:"preview,omitempty"`
}

type customBody struct {
	Type     string `json:"type"`
	Data     []byte `json:"data,omitempty"`
	Fallback string `json:"fallback,omitempty"`
}

type systemBody struct {
	Event string            `json:"event"`
	Args  map[string]string `json:"args,omitempty"`
}

type createdBody struct {
	Kind        string        `json:"kind"`
	Name        string        `json:"name,omitempty"`
	Avatar      string        `json:"avatar,omitempty"`
	Description string        `json:"description,omitempty"`
	Open        bool          `json:"open,omitempty"`
	Members     []chat.UserID `json:"members"`
}

type membersBody struct {
	Action  string        `json:"action"`
	Users   []chat.UserID `json:"users"`
	Role    string        `json:"role,omitempty"`
	UntilMS uint64        `json:"until_ms,omitempty"`
	Ban     bool          `json:"ban,omitempty"`
	Name    string        `json:"name,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}

type changedBody struct {
	Name         *string `json:"name,omitempty"`
	Avatar       *string `json:"avatar,omitempty"`
	Description  *string `json:"description,omitempty"`
	Open         *bool   `json:"open,omitempty"`
	SlowModeMS   *uint32 `json:"slow_mode_ms,omitempty"`
	Tier         *string `json:"tier,omitempty"` // that was set; empty lets the group go by its size again
	Joining      *string `json:"joining,omitempty"`
	Posting      *string `json:"posting,omitempty"`
	QuietUntilMS *uint64 `json:"quiet_until_ms,omitempty"`
	History      *bool   `json:"history,omitempty"`
	Announcement *string `json:"announcement,omitempty"`
}

// words are the names of small sets, by their numbers from 1.
type words []string

func mediaTypes() words { return words{"image", "video", "voice", "file"} }

func actions() words {
	return words{"added", "joined", "left", "removed", "role", "transferred", "muted", "named", "banned", "unbanned"}
}

func joinings() words { return words{"invited", "open", "password"} }

func postings() words { return words{"all", "admins"} }

func tombstones() words { return words{"retention", "erased", "recalled"} }

func (w words) name(n uint8) string {
	if n == 0 || int(n) > len(w) {
		return fmt.Sprintf("unknown_%d", n)
	}
	return w[n-1]
}

func (w words) number(name string) (uint8, error) {
	for i, word := range w {
		if word == name {
			return uint8(i + 1), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %q", name, []string(w))
}

func encodeBody(b chat.Body) (out body, err error) {
	switch v := b.(type) {
	case chat.Text:
		out.Text = &v.Text
	case chat.Media:
		out.Media = &mediaBody{
			Type: mediaTypes().name(uint8(v.Type)), Ref: v.Ref, MIME: v.MIME, Size: v.Size, Width: v.Width, Height: v.Height,
			DurationMS: v.DurationMS, Name: v.Name, Caption: v.Caption, Preview: v.Preview,
		}
	case chat.Custom:
		out.Custom = &customBody{Type: v.Type, Data: v.Data, Fallback: v.Fallback}
	case chat.System:
		out.System = &systemBody{Event: v.Event, Args: v.Args}
	case chat.Created:
		out.Created = &createdBody{
			Kind: v.Kind.Name(), Name: v.Name, Avatar: v.Avatar, Description: v.Description, Open: v.Open, Members: v.Members,
		}
	case chat.MembersChanged:
		out.Members = &membersBody{Action: actions().name(uint8(v.Action)), Users: v.Users, Role: roleName(v.Role), UntilMS: v.UntilMS, Ban: v.Ban, Name: v.Name, Reason: v.Reason}
	case chat.Changed:
		out.Changed = &changedBody{Name: v.Name, Avatar: v.Avatar, Description: v.Description, Open: v.Open, SlowModeMS: v.SlowModeMS, QuietUntilMS: v.QuietUntilMS, History: v.History, Announcement: v.Announcement}
		if v.Joining != nil {
			word := joinings().name(uint8(*v.Joining) + 1)
			out.Changed.Joining = &word
		}
		if v.Posting != nil {
			word := postings().name(uint8(*v.Posting) + 1)
			out.Changed.Posting = &word
		}
		if v.Tier != nil {
			tier := v.Tier.Name()
			out.Changed.Tier = &tier
		}
	case chat.Dissolved:
		out.Dissolved = &struct{}{}
	case chat.Edit:
		edit := &editBody{Target: v.Target}
		out.Edit = edit
		if edit.Body, err = encodeInner(v.Body); err == nil {
			edit.Was, err = encodeInner(v.Was)
		}
		return out, err
	case chat.Recall:
		out.Recall = &recallBody{Target: v.Target, Note: v.Note}
	case chat.Pin:
		out.Pin = &pinBody{Target: v.Target, On: v.On}
	case chat.Tombstone:
		if v.Seq != 0 || v.By != 0 || v.Note != "" {
			out.Recalled = &recalled{Seq: v.Seq, By: v.By, Note: v.Note}
		}
		why := tombstones().name(uint8(v.Reason))
		out.Tombstone = &why
	case chat.Opaque:
		return out, fmt.Errorf("an entry is of kind %d, which a later version of throng wrote: export with that version", v.Kind)
	default:
		return out, fmt.Errorf("a body of type %T has no form in an archive", b)
	}
	return out, nil
}

// encodeInner writes a body that stands in an edit; nil where it has gone.
func encodeInner(b chat.Body) (*body, error) {
	if b == nil {
		return nil, nil //nolint:nilnil // see above
	}
	out, err := encodeBody(b)
	return &out, err
}

// decodeInner reads one. Only content stands there.
func decodeInner(in *body) (chat.Body, error) {
	if in == nil {
		return nil, nil //nolint:nilnil // it has gone
	}
	if in.Edit != nil || in.Recall != nil || in.Pin != nil {
		return nil, errors.New("an edit stands in another one")
	}
	return decodeBody(*in)
}

func decodeBody(in body) (chat.Body, error) {
	switch {
	case in.Text != nil:
		return chat.Text{Text: *in.Text}, nil
	case in.Media != nil:
		m := in.Media
		kind, err := mediaTypes().number(m.Type)
		return chat.Media{
			Type: chat.MediaType(kind), Ref: m.Ref, MIME: m.MIME, Size: m.Size, Width: m.Width, Height: m.Height,
			DurationMS: m.DurationMS, Name: m.Name, Caption: m.Caption, Preview: m.Preview,
		}, err
	case in.Custom != nil:
		return chat.Custom{Type: in.Custom.Type, Data: in.Custom.Data, Fallback: in.Custom.Fallback}, nil
	case in.System != nil:
		return chat.System{Event: in.System.Event, Args: in.System.Args}, nil
	case in.Created != nil:
		c := in.Created
		kind, err := parseKind(c.Kind)
		return chat.Created{
			Kind: kind, Name: c.Name, Avatar: c.Avatar, Description: c.Description, Open: c.Open, Members: c.Members,
		}, err
	case in.Members != nil:
		action, err := actions().number(in.Members.Action)
		role, roleErr := parseRole(in.Members.Role)
		return chat.MembersChanged{
			Action: chat.MemberAction(action), Users: in.Members.Users, Role: role, UntilMS: in.Members.UntilMS,
			Ban: in.Members.Ban, Name: in.Members.Name, Reason: in.Members.Reason,
		}, errors.Join(err, roleErr)
	case in.Changed != nil:
		return in.Changed.decode()
	case in.Dissolved != nil:
		return chat.Dissolved{}, nil
	case in.Edit != nil:
		now, err := decodeInner(in.Edit.Body)
		was, wasErr := decodeInner(in.Edit.Was)
		return chat.Edit{Target: in.Edit.Target, Body: now, Was: was}, errors.Join(err, wasErr)
	case in.Recall != nil:
		return chat.Recall{Target: in.Recall.Target, Note: in.Recall.Note}, nil
	case in.Pin != nil:
		return chat.Pin{Target: in.Pin.Target, On: in.Pin.On}, nil
	case in.Tombstone != nil:
		why, err := tombstones().number(*in.Tombstone)
		t := chat.Tombstone{Reason: chat.TombstoneReason(why)}
		if r := in.Recalled; r != nil {
			t.Seq, t.By, t.Note = r.Seq, r.By, r.Note
		}
		return t, err
	default:
		return nil, errors.New("the body is of no known kind; a newer program wrote it")
	}
}

func (c *changedBody) decode() (chat.Body, error) {
	out := chat.Changed{
		Name: c.Name, Avatar: c.Avatar, Description: c.Description, Open: c.Open, SlowModeMS: c.SlowModeMS,
		QuietUntilMS: c.QuietUntilMS, History: c.History, Announcement: c.Announcement,
	}
	var errs []error
	if c.Joining != nil {
		n, err := joinings().number(*c.Joining)
		joining := chat.Joining(max(n, 1) - 1)
		out.Joining, errs = &joining, append(errs, err)
	}
	if c.Posting != nil {
		n, err := postings().number(*c.Posting)
		posting := chat.Posting(max(n, 1) - 1)
		out.Posting, errs = &posting, append(errs, err)
	}
	if c.Tier != nil {
		tier, err := parseTier(*c.Tier)
		out.Tier, errs = &tier, append(errs, err)
	}
	return out, errors.Join(errs...)
}

// mapUsers gives every user that a body names its id in the target.
func mapUsers(b chat.Body, id func(chat.UserID) (chat.UserID, error)) (chat.Body, error) {
	all := func(users []chat.UserID) ([]chat.UserID, error) {
		out := make([]chat.UserID, len(users))
		for i, u := range users {
			to, err := id(u)
			if err != nil {
				return nil, err
			}
			out[i] = to
		}
		return out, nil
	}
	var err error
	switch v := b.(type) {
	case chat.Created:
		v.Members, err = all(v.Members)
		return v, err
	case chat.MembersChanged:
		v.Users, err = all(v.Users)
		return v, err
	case chat.Tombstone:
		v.By, err = id(v.By)
		return v, err
	default:
		return b, nil
	}
}
