package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/throng-im/throng/client"
)

// sessions is the file that keeps a person signed in: one sign-in per server and name. It holds secrets, so only its owner may
// read it, and it is replaced as a whole.
type sessions struct{ path string }

// stored is one sign-in.
type stored struct {
	URL    string        `json:"url"`
	Handle string        `json:"handle"`
	Name   string        `json:"name"`
	User   client.UserID `json:"user"`
	Tokens client.Tokens `json:"tokens"`
}

// openSessions uses the folder, or the user's configuration folder where it is empty.
func openSessions(dir string) (*sessions, error) {
	if dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("find the configuration folder: %w", err)
		}
		dir = filepath.Join(base, "throng")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &sessions{path: filepath.Join(dir, "sessions.json")}, nil
}

// find returns a sign-in at the server; where handle is empty of any name, the last one used that no other terminal has open.
func (s *sessions) find(url, handle string) (stored, bool, error) {
	list, err := s.load()
	if err != nil {
		return stored{}, false, err
	}
	for _, one := range list {
		switch {
		case one.URL != url || (handle != "" && !strings.EqualFold(one.Handle, handle)):
		case handle == "" && s.busy(one):
		default:
			return one, true, nil
		}
	}
	return stored{}, false, nil
}

// lock keeps other terminals from using the sign-in: a device has one session, and a refresh token one use.
func (s *sessions) lock(one stored) (unlock func(), err error) {
	f, err := os.OpenFile(s.file(one, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // which unlocks
}

func (s *sessions) busy(one stored) bool {
	unlock, err := s.lock(one)
	if err == nil {
		unlock()
	}
	return err != nil
}

// file is the path of something that belongs to one sign-in, named by the server and the user's number.
func (s *sessions) file(one stored, what string) string {
	host := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, one.URL)
	return filepath.Join(filepath.Dir(s.path), what+"-"+host+"-"+strconv.FormatUint(uint64(one.User), 10))
}

// put stores a sign-in as the last one used.
func (s *sessions) put(one stored) error {
	list, err := s.load()
	if err != nil {
		return err
	}
	return s.write(append([]stored{one}, without(list, one)...))
}

// remove forgets a sign-in.
func (s *sessions) remove(one stored) error {
	list, err := s.load()
	if err != nil {
		return err
	}
	return s.write(without(list, one))
}

func without(list []stored, one stored) []stored {
	kept := make([]stored, 0, len(list))
	for _, other := range list {
		if other.URL != one.URL || !strings.EqualFold(other.Handle, one.Handle) {
			kept = append(kept, other)
		}
	}
	return kept
}

func (s *sessions) load() ([]stored, error) {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []stored
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return list, nil
}

// write replaces the file. The refresh token in it is good for one use, so it has to be on disk before that use.
func (s *sessions) write(list []stored) error {
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), ".sessions-*") // made with 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
