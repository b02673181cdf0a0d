package pebble

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// touchBatch is how many uses of devices are written under one hold of the writer's lock.
const touchBatch = 256

// devicesOf reads all devices of a user, ended ones too, by id.
func (a *Accounts) devicesOf(user chat.UserID) ([]account.Device, error) {
	var out []account.Device
	err := a.scan(record.Key1(record.TableDevice, uint64(user)), record.Key1(record.TableDevice, uint64(user)+1), "device", func(key []byte, r *record.Reader) bool {
		out = append(out, r.Device(user, chat.DeviceID(record.Second(key))))
		return true
	})
	return out, err
}

func (a *Accounts) device(user chat.UserID, id chat.DeviceID) (d account.Device, err error) {
	ok, err := a.s.get(record.KeyDevice(user, id), "device", func(r *record.Reader) { d = r.Device(user, id) })
	if err == nil && !ok {
		err = account.ErrDeviceNotFound()
	}
	return d, err
}

func putDevice(b *pebble.Batch, d account.Device) error {
	return storageError(b.Set(record.KeyDevice(d.User, d.ID), record.AppendDevice(nil, d), nil), "storing a device")
}

// Add stores a device, or finds the one with its label.
func (a *Accounts) Add(ctx context.Context, d account.Device, room account.Room) (account.Device, []chat.DeviceID, error) {
	var gone []chat.DeviceID
	err := a.change(ctx, func(b *pebble.Batch) error {
		u, err := a.living(d.User)
		if err != nil {
			return err
		}
		devices, err := a.devicesOf(d.User)
		if err != nil {
			return err
		}
		if d.Label != "" {
			if i := slices.IndexFunc(devices, func(o account.Device) bool { return o.Label == d.Label }); i >= 0 {
				d = devices[i]
				return nil
			}
		}
		last, err := a.s.counter(record.MetaLastDevice)
		if err != nil {
			return err
		}
		d.ID = chat.DeviceID(last + 1)
		if gone, err = a.makeRoom(b, u, devices, d, room); err != nil {
			return err
		}
		if err := putDevice(b, d); err != nil {
			return err
		}
		return putNumber(b, record.KeyMeta(record.MetaLastDevice), last+1)
	})
	if err != nil {
		return account.Device{}, nil, err
	}
	return d, gone, nil
}

// makeRoom drops the devices that have to go for a fresh one. It returns those that were in use.
func (a *Accounts) makeRoom(
	b *pebble.Batch, u account.Account, devices []account.Device, fresh account.Device, room account.Room,
) ([]chat.DeviceID, error) {
	gone, err := room.Make(devices, fresh)
	if err != nil {
		return nil, err
	}
	for _, d := range gone {
		if err := drop(b, record.KeyDevice(d.User, d.ID)); err != nil {
			return nil, err
		}
	}
	inUse, from := account.Spent(gone, u.TokensFromMS)
	if u.TokensFromMS == from {
		return inUse, nil
	}
	u.TokensFromMS = from
	return inUse, putAccount(b, u)
}

// end ends devices of a user.
func (a *Accounts) end(b *pebble.Batch, user chat.UserID, e account.Ending) ([]chat.DeviceID, error) {
	if !e.All && len(e.Devices) == 0 {
		return nil, nil
	}
	devices, err := a.devicesOf(user)
	if err != nil {
		return nil, err
	}
	var gone []chat.DeviceID
	for _, d := range devices {
		if d.EndedMS != 0 || (e.All && d.ID == e.Keep) || (!e.All && !slices.Contains(e.Devices, d.ID)) {
			continue
		}
		gone = append(gone, d.ID)
		if d.Label == "" {
			err = drop(b, record.KeyDevice(user, d.ID))
		} else {
			d.EndedMS = max(e.AtMS, 1)
			err = putDevice(b, d)
		}
		if err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// Device returns one device.
func (a *Accounts) Device(ctx context.Context, user chat.UserID, id chat.DeviceID) (account.Device, error) {
	release, err := a.s.read()
	if err != nil {
		return account.Device{}, err
	}
	defer release()
	d, found := a.device(user, id)
	if err := a.settle(ctx); err != nil {
		return account.Device{}, err
	}
	return d, found
}

// Devices returns the devices of a user that have not ended.
func (a *Accounts) Devices(ctx context.Context, user chat.UserID) ([]account.Device, error) {
	release, err := a.s.read()
	if err != nil {
		return nil, err
	}
	defer release()
	devices, err := a.devicesOf(user)
	if err != nil {
		return nil, err
	}
	devices = slices.DeleteFunc(devices, func(d account.Device) bool { return d.EndedMS != 0 })
	return devices, a.settle(ctx)
}

// UpdateDevice changes a device.
func (a *Accounts) UpdateDevice(ctx context.Context, user chat.UserID, id chat.DeviceID, fn func(*account.Device) error) (account.Device, error) {
	var out account.Device
	err := a.change(ctx, func(b *pebble.Batch) error {
		d, err := a.device(user, id)
		if err != nil {
			return err
		}
		if err := fn(&d); err != nil {
			return err
		}
		d.ID, d.User = id, user
		out = d
		return putDevice(b, d)
	})
	if err != nil {
		return account.Device{}, err
	}
	return out, nil
}

// Touch notes when devices were used. The rows go to disk with whatever is synced next.
func (a *Accounts) Touch(_ context.Context, uses []account.Use) error {
	for chunk := range slices.Chunk(uses, touchBatch) {
		note := &commit{touched: []chat.ConversationID{accountScope}}
		_, err := a.s.applyNoted(note, func(b *pebble.Batch) error { return a.touch(b, chunk) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Accounts) touch(b *pebble.Batch, uses []account.Use) error {
	for _, u := range uses {
		var d account.Device
		ok, err := a.s.get(record.KeyDevice(u.User, u.Device), "device", func(r *record.Reader) { d = r.Device(u.User, u.Device) })
		if err != nil {
			return err
		}
		if !ok || d.EndedMS != 0 {
			continue
		}
		d.LastUsedMS = max(d.LastUsedMS, u.AtMS)
		if u.Address != "" {
			d.Address = u.Address
		}
		if err := putDevice(b, d); err != nil {
			return err
		}
	}
	return nil
}
