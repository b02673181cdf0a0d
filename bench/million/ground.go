package million

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// ground is what is there before everybody comes. It stands in a file for runs on the same databases.
type ground struct {
	Members int                   `json:"members"`
	Owner   client.UserID         `json:"owner"`
	Group   client.ConversationID `json:"group"`
	// Devices is how many have come once, and so have their devices.
	Devices int `json:"devices"`
	// Server is the nodes' server key, Company the key that tokens are signed with; the file is for its owner alone.
	Server  string `json:"server_key"`
	Company string `json:"company_key"`

	// Known in the run that made it.
	took   time.Duration
	people *target.People
}

// readGround reads the file; without one the ground has secrets and nothing else.
func readGround(c *Config) (*ground, error) {
	g := &ground{Server: target.NewSecret(), Company: target.NewSecret()}
	if c.Ground == "" {
		return g, nil
	}
	b, err := os.ReadFile(c.Ground)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, g); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Ground, err)
	}
	if g.Members < c.Members {
		return nil, fmt.Errorf("%s has a group of %d; name another file", c.Ground, g.Members)
	}
	return g, nil
}

// lay makes what is not there.
func (g *ground) lay(ctx context.Context, c *Config, s *target.Server, tell live.Func) error {
	if g.Group != 0 {
		g.people = target.NewPeople(g.Company, g.Owner)
		return nil
	}
	begin := time.Now()
	people, err := s.MakePeople(ctx, c.Members, c.Members, tell)
	if err != nil {
		return err
	}
	conv, err := s.MakeGroup(ctx, "million", people.IDs, tell)
	if err != nil {
		return err
	}
	if err := s.SetTier(ctx, conv, throngv1.Tier_TIER_LARGE); err != nil {
		return err
	}
	tell(live.Progress{Phase: "members"})
	if err := s.AwaitMember(ctx, people.IDs[len(people.IDs)-1], conv); err != nil {
		return err
	}
	g.people, g.Members, g.Owner, g.Group, g.took = people, c.Members, people.IDs[0], conv, time.Since(begin)
	return g.keep(c)
}

// keep writes the file, where there is to be one.
func (g *ground) keep(c *Config) error {
	if c.Ground == "" {
		return nil
	}
	b, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.Ground, append(b, '\n'), 0o600)
}
