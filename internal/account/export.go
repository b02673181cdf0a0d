package account

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
)

// Record is one piece of a person's data.
type Record struct {
	// Kind is what it is: user or device.
	Kind string
	JSON []byte
}

// exportedUser and exportedDevice are the account's part of an export; hashes of secrets are not in it.
type exportedUser struct {
	ID         chat.UserID       `json:"id,string"`
	Handle     string            `json:"handle,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Name       string            `json:"name"`
	Avatar     string            `json:"avatar,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Version    uint64            `json:"version"`
	Admin      bool              `json:"admin"`
	Disabled   bool              `json:"disabled"`
	CreatedMS  uint64            `json:"created_ms"`
	Privacy    Privacy           `json:"-"` // it is exported with what else the user keeps from others
}

type exportedDevice struct {
	ID         chat.DeviceID `json:"id,string"`
	Name       string        `json:"name"`
	Label      string        `json:"label,omitempty"`
	Platform   Platform      `json:"platform"`
	CreatedMS  uint64        `json:"created_ms"`
	LastUsedMS uint64        `json:"last_used_ms"`
	Address    string        `json:"address,omitempty"`
}

// Export returns all that is kept about a user here.
func (s *Service) Export(ctx context.Context, user chat.UserID) ([]Record, error) {
	u, err := s.Get(ctx, user)
	if err != nil {
		return nil, err
	}
	devices, err := s.Devices(ctx, user)
	if err != nil {
		return nil, err
	}
	records := make([]Record, 0, 1+len(devices))
	add := func(kind string, v any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("writing a %s: %w", kind, err)
		}
		records = append(records, Record{Kind: kind, JSON: b})
		return nil
	}
	if err := add("user", exportedUser(u)); err != nil {
		return nil, err
	}
	for _, d := range devices {
		e := exportedDevice{
			ID: d.ID, Name: d.Name, Label: d.Label, Platform: d.Platform,
			CreatedMS: d.CreatedMS, LastUsedMS: d.LastUsedMS, Address: d.Address,
		}
		if err := add("device", e); err != nil {
			return nil, err
		}
	}
	return records, nil
}
