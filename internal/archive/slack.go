package archive

import (
	"archive/zip"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-im/throng/internal/chat"
)

// ConvertSlackFile converts an export of Slack that lies in a folder or in a zip file.
func ConvertSlackFile(ctx context.Context, name string, w io.Writer) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("opening the export: %w", err)
	}
	if info.IsDir() {
		return ConvertSlack(ctx, os.DirFS(name), w)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return fmt.Errorf("opening the export: %w; it is neither a folder nor a zip file", err)
	}
	defer func() { _ = z.Close() }()
	return ConvertSlack(ctx, z, w)
}

// ConvertSlack turns an export of Slack (users.json, channels.json and so on, a folder of day files per channel) into an
// archive. Users get the external id slack:ID and, where it can be one, their name as handle. Channels become open
// groups, private ones and group messages closed ones, direct messages direct conversations. Threads are flattened,
// reactions and the content of files stay behind: a file is mentioned by its name.
func ConvertSlack(ctx context.Context, files fs.FS, w io.Writer) error {
	buffer := bufio.NewWriterSize(w, 1<<16)
	s := slack{ctx: ctx, files: files, out: json.NewEncoder(buffer), users: make(map[string]*slackUser)}
	s.out.SetEscapeHTML(false)
	if err := s.all(); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("writing the conversion: %w", err)
	}
	return nil
}

type slack struct {
	ctx    context.Context // of the one call that the conversion lives for
	files  fs.FS
	out    *json.Encoder
	team   string
	users  map[string]*slackUser // by Slack's id
	list   []*slackUser
	counts Counts
}

type slackUser struct {
	ID      string `json:"id"`
	TeamID  string `json:"team_id"`
	Name    string `json:"name"`
	Real    string `json:"real_name"`
	Deleted bool   `json:"deleted"`
	Profile struct {
		Display string `json:"display_name"`
		Image   string `json:"image_192"`
		Email   string `json:"email"`
	} `json:"profile"`

	id chat.UserID
}

type slackText struct {
	Value string `json:"value"`
}

type slackChannel struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created int64     `json:"created"`
	Creator string    `json:"creator"`
	Members []string  `json:"members"`
	Topic   slackText `json:"topic"`
	Purpose slackText `json:"purpose"`

	direct bool
	open   bool
}

func (s *slack) write(v any) error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("converting: %w", err)
	}
	if err := s.out.Encode(v); err != nil {
		return fmt.Errorf("writing the conversion: %w", err)
	}
	return nil
}

// read decodes a JSON file; ok is false where there is none.
func (s *slack) read(name string, into any) (ok bool, err error) {
	text, err := fs.ReadFile(s.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", name, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("reading %s: %w", name, err)
	}
	return true, nil
}

func (s *slack) all() error {
	ok, err := s.read("users.json", &s.list)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("there is no users.json; give the folder or zip file that Slack made, not one inside of it")
	}
	for _, u := range s.list {
		s.team = cmp.Or(s.team, u.TeamID)
		s.users[u.ID] = u
	}
	channels, err := s.channels()
	if err != nil {
		return err
	}
	for _, c := range channels {
		if err := s.strangers(c); err != nil {
			return err
		}
	}
	if err := s.write(header{Type: typeHeader, Version: version, Origin: "slack:" + cmp.Or(s.team, "export")}); err != nil {
		return err
	}
	for i, u := range s.list {
		u.id = chat.UserID(i + 1)
		if err := s.user(u); err != nil {
			return err
		}
	}
	for i, c := range channels {
		if err := s.channel(c, chat.ConversationID(i+1)); err != nil {
			return fmt.Errorf("channel %s: %w", cmp.Or(c.Name, c.ID), err)
		}
	}
	return s.write(end{Type: typeEnd, Users: s.counts.Users, Conversations: s.counts.Conversations, Entries: s.counts.Entries})
}

func (s *slack) channels() ([]slackChannel, error) {
	var all []slackChannel
	for _, f := range []struct {
		name         string
		direct, open bool
	}{{"channels.json", false, true}, {"groups.json", false, false}, {"mpims.json", false, false}, {"dms.json", true, false}} {
		var list []slackChannel
		if _, err := s.read(f.name, &list); err != nil {
			return nil, err
		}
		for _, c := range list {
			c.direct, c.open = f.direct, f.open
			all = append(all, c)
		}
	}
	return all, nil
}

func (s *slack) user(u *slackUser) error {
	s.counts.Users++
	out := User{
		ID: u.id, ExternalID: slackExternal(u.ID), Name: cut(firstOf(u.Profile.Display, u.Real, u.Name, u.ID), chat.MaxNameRunes),
		Version: 1, Disabled: u.Deleted,
	}
	if strings.HasPrefix(u.Profile.Image, "https://") && len(u.Profile.Image) <= chat.MaxRefBytes {
		out.Avatar = u.Profile.Image
	}
	if isPlain(u.Name) {
		out.Handle = u.Name
	}
	return s.write(userLine{Type: typeUser, User: out})
}

// slackExternal is the external id of what Slack calls a user. Integrations without an id are called by a name that may be
// anything: what is none here is told apart by its hash.
func slackExternal(id string) string {
	external := "slack:" + id
	if len(external) > chat.MaxExternalID || strings.ContainsFunc(external, chat.Unprintable) {
		sum := sha256.Sum256([]byte(id))
		return "slack:#" + hex.EncodeToString(sum[:16])
	}
	return external
}

// isPlain reports whether a name is a handle for certain: lower-case letters, digits and a few signs.
func isPlain(name string) bool {
	if name == "" || len(name) > chat.MaxHandleRunes {
		return false
	}
	for i, r := range name {
		letter := (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9')
		if !letter && (i == 0 || i == len(name)-1 || !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return true
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

func cut(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes])
	}
	return text
}

// days lists the day files of a channel in order.
func (s *slack) days(c slackChannel) ([]string, error) {
	for _, dir := range []string{c.Name, c.ID} {
		if dir == "" || !fs.ValidPath(dir) {
			continue
		}
		entries, err := fs.ReadDir(s.files, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing the days: %w", err)
		}
		var names []string
		for _, e := range entries {
			if path.Ext(e.Name()) == ".json" && !e.IsDir() {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
		slices.Sort(names)
		return names, nil
	}
	return nil, nil
}

// messages calls fn with what people and programs wrote in a channel, in order.
func (s *slack) messages(c slackChannel, fn func(slackMessage) error) error {
	days, err := s.days(c)
	if err != nil {
		return err
	}
	for _, name := range days {
		var day []slackMessage
		if _, err := s.read(name, &day); err != nil {
			return err
		}
		slices.SortStableFunc(day, func(a, b slackMessage) int { return cmp.Compare(a.ms(), b.ms()) })
		for _, m := range day {
			if !m.wanted() {
				continue
			}
			if err := fn(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// strangers adds programs, and people of other teams, who wrote but do not stand in users.json.
func (s *slack) strangers(c slackChannel) error {
	return s.messages(c, func(m slackMessage) error {
		if id := m.author(); s.users[id] == nil {
			u := &slackUser{ID: id, Real: firstOf(m.Username, id), Deleted: true}
			s.users[id] = u
			s.list = append(s.list, u)
		}
		return nil
	})
}

// clientID is the same for the same message in every conversion.
func (s *slack) clientID(c slackChannel, m slackMessage) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"throng slack", s.team, c.ID, m.TS, m.author()}, "\x00")))
	id := chat.ClientID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: of our own making
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

func parseTS(ts string) uint64 {
	seconds, fraction, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseUint(seconds, 10, 40)
	if err != nil {
		return 0
	}
	ms, _ := strconv.ParseUint((fraction + "000")[:3], 10, 16)
	return n*1000 + ms
}
