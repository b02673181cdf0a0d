package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	tea "github.com/charmbracelet/bubbletea"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Devices is where the user is signed in. Each call waits for the server.
type Devices interface {
	Devices(ctx context.Context) ([]*throngv1.Device, error)
	// SignOut ends one device of the list, or where device is 0 all but this one; it answers how many ended.
	SignOut(ctx context.Context, device uint64) (uint32, error)
}

// devices does what a command about devices says; ok is false where it is none. Devices go by their place in the list that was shown.
func (m *Model) devices(word, rest string) (cmd tea.Cmd, ok bool) {
	all := m.cfg.Devices
	switch {
	case word == "devices":
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			list, err := all.Devices(ctx)
			return devicesMsg{list, err}
		}, true
	case word == "signout" && rest == "others":
		return signOut(all, 0), true
	case word == "signout" && rest != "":
		var n int
		if _, err := fmt.Sscanf(rest, "%d", &n); err != nil || n < 1 || n > len(m.signedIn) {
			m.say("/devices shows the numbers of your devices.")
			return nil, true
		}
		if m.signedIn[n-1].GetCurrent() {
			m.say("That is this device. Sign it out from another one.")
			return nil, true
		}
		return signOut(all, m.signedIn[n-1].GetId()), true
	}
	return nil, false
}

// devicesMsg brings the list of devices.
type devicesMsg struct {
	list []*throngv1.Device
	err  error
}

func signOut(all Devices, device uint64) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		n, err := all.SignOut(ctx, device)
		word := "devices"
		if n == 1 {
			word = "device"
		}
		return doneMsg{notice: fmt.Sprintf("%d %s signed out.", n, word), err: err}
	}
}

// listed takes the list and shows it.
func (m *Model) listed(msg devicesMsg) {
	if msg.err != nil {
		m.say(reason(msg.err))
		return
	}
	m.signedIn = msg.list
	parts := make([]string, 0, len(msg.list))
	for i, d := range msg.list {
		name := clean(d.GetName(), false)
		if name == "" {
			name = "unnamed"
		}
		kind := ""
		if p := d.GetPlatform(); p != throngv1.Platform_PLATFORM_UNSPECIFIED {
			kind = " (" + strings.ToLower(strings.TrimPrefix(p.String(), "PLATFORM_")) + ")"
		}
		when := "used " + lasting(m.cfg.Now().Sub(time.UnixMilli(int64(d.GetLastUsedMs()))).Truncate(time.Minute)) + " ago"
		if d.GetCurrent() {
			when = "this one"
		}
		parts = append(parts, fmt.Sprintf("%d %s%s, %s", i+1, name, kind, when))
	}
	m.say("Signed in: " + strings.Join(parts, "; ") + ". /signout NUMBER ends one, /signout others all but this one.")
}

// Devices implements Devices.
func (s sdk) Devices(ctx context.Context) ([]*throngv1.Device, error) {
	resp, err := s.API().Accounts.ListDevices(ctx, connect.NewRequest(&throngv1.ListDevicesRequest{}))
	if err != nil {
		return nil, err
	}
	return resp.Msg.GetDevices(), nil
}

// SignOut implements Devices.
func (s sdk) SignOut(ctx context.Context, device uint64) (uint32, error) {
	resp, err := s.API().Accounts.SignOut(ctx, connect.NewRequest(&throngv1.SignOutRequest{Device: device, Others: device == 0}))
	if err != nil {
		return 0, err
	}
	return resp.Msg.GetEnded(), nil
}
