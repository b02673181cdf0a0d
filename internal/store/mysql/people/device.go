package people

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// scanDevice reads a row of device and record.
func scanDevice(scan func(...any), user chat.UserID) (account.Device, error) {
	var id chat.DeviceID
	var value []byte
	scan(&id, &value)
	r := record.NewReader(value)
	d := r.Device(user, id)
	if !r.Done() {
		return d, record.ErrDamaged("device")
	}
	return d, nil
}

// putDevices writes devices of users whose rows, or whose devices' rows, are locked.
func putDevices(q *mysql.Text, all ...account.Device) {
	for i, d := range all {
		if i == 0 {
			q.Add("INSERT INTO device (user, device, label, value) VALUES (")
		} else {
			q.Add(",(")
		}
		q.Number(uint64(d.User)).Add(",").Number(uint64(d.ID)).Add(",")
		if d.Label == "" {
			q.Add("NULL")
		} else {
			q.Blob([]byte(d.Label))
		}
		q.Add(",").Blob(record.AppendDevice(nil, d)).Add(")")
	}
	q.Add(" ON DUPLICATE KEY UPDATE label = VALUES(label), value = VALUES(value)")
}

// drop deletes devices.
func (u *locked) drop(ids []chat.DeviceID) {
	if len(ids) == 0 {
		return
	}
	u.write("DELETE FROM device WHERE user = ").Number(uint64(u.ID)).Add(" AND device IN (")
	list(&u.q, ids)
	u.q.Add(")")
}

// end ends devices, and returns which.
func (u *locked) end(e account.Ending) (gone []chat.DeviceID) {
	var dropped []chat.DeviceID
	var kept []account.Device
	for _, d := range u.devices {
		if d.EndedMS != 0 || (e.All && d.ID == e.Keep) || (!e.All && !slices.Contains(e.Devices, d.ID)) {
			continue
		}
		gone = append(gone, d.ID)
		if d.Label == "" {
			dropped = append(dropped, d.ID)
			continue
		}
		d.EndedMS = max(e.AtMS, 1)
		kept = append(kept, d)
	}
	u.drop(dropped)
	if len(kept) > 0 {
		putDevices(u.write(""), kept...)
	}
	return gone
}

// Add stores a device, or finds the one with its label.
func (a *Accounts) Add(ctx context.Context, d account.Device, room account.Room) (account.Device, []chat.DeviceID, error) {
	var id uint64
	var err error
	if d.Label == "" {
		if id, err = a.devices.take(ctx, 1); err != nil {
			return account.Device{}, nil, err
		}
	} else {
		found, err := a.gathers.devices.Get(ctx, deviceKey{user: d.User, label: d.Label})
		if err == nil && found.ID == 0 { // of an account that is deleted nothing is left
			found, err = a.gathers.fresh.Get(ctx, &newDevice{device: d, room: room})
		}
		if !errors.Is(err, errAlone) {
			return found, nil, err
		}
	}
	for {
		var out account.Device
		var gone []chat.DeviceID
		short := false
		err := a.with(ctx, "add device", d.User, true, func(u *locked) error {
			if d.Label != "" {
				if i := slices.IndexFunc(u.devices, func(o account.Device) bool { return o.Label == d.Label }); i >= 0 {
					out, gone, short = u.devices[i], nil, false
					return nil
				}
			}
			if short = id == 0; short {
				return errAgain()
			}
			out = d
			out.ID = chat.DeviceID(id)
			var err error
			if gone, err = u.makeRoom(out, room); err != nil {
				return err
			}
			u.revoke(u.Account, gone)
			putDevices(u.write(""), out)
			return nil
		})
		switch {
		case short:
			if id, err = a.devices.take(ctx, 1); err != nil {
				return account.Device{}, nil, err
			}
		case err != nil:
			return account.Device{}, nil, err
		default:
			return out, gone, nil
		}
	}
}

// makeRoom drops the devices that have to go for a fresh one. It returns those that were in use.
func (u *locked) makeRoom(fresh account.Device, room account.Room) ([]chat.DeviceID, error) {
	gone, err := room.Make(u.devices, fresh)
	if err != nil {
		return nil, err
	}
	dropped := make([]chat.DeviceID, len(gone))
	for i, d := range gone {
		dropped[i] = d.ID
	}
	u.drop(dropped)
	inUse, from := account.Spent(gone, u.TokensFromMS)
	if u.TokensFromMS != from {
		u.TokensFromMS = from
		u.putAccount()
	}
	return inUse, nil
}

// Device returns one device.
func (a *Accounts) Device(ctx context.Context, user chat.UserID, id chat.DeviceID) (account.Device, error) {
	found, err := a.gathers.devices.Get(ctx, deviceKey{user: user, id: id})
	if err == nil && found.ID == 0 {
		err = account.ErrDeviceNotFound()
	}
	return found, err
}

// Devices returns the devices of a user that have not ended.
func (a *Accounts) Devices(ctx context.Context, user chat.UserID) ([]account.Device, error) {
	var q mysql.Text
	q.Add("SELECT device, value FROM device WHERE user = ").Number(uint64(user)).Add(" ORDER BY device")
	found, err := a.readDevices(ctx, user, q.String())
	return slices.DeleteFunc(found, func(d account.Device) bool { return d.EndedMS != 0 }), err
}

func (a *Accounts) readDevices(ctx context.Context, user chat.UserID, query string) (out []account.Device, err error) {
	err = a.s.UserPlace(user).Read(ctx, "devices", query, func(r *mysql.Rows) error {
		out = nil
		return r.Each(func(scan func(...any)) error {
			d, err := scanDevice(scan, user)
			out = append(out, d)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateDevice changes a device.
func (a *Accounts) UpdateDevice(ctx context.Context, user chat.UserID, id chat.DeviceID, fn func(*account.Device) error) (account.Device, error) {
	var out account.Device
	var refused error
	err := a.s.UserPlace(user).Transact(ctx, "update device", func(t *mysql.Tx) error {
		refused = nil
		var q mysql.Text
		q.Add("SELECT device, value FROM device WHERE user = ").Number(uint64(user)).Add(" AND device = ").Number(uint64(id)).Add(" FOR UPDATE")
		found := false
		err := t.Query(ctx, q.String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) (err error) {
				found = true
				out, err = scanDevice(scan, user)
				return err
			})
		})
		if err != nil {
			return err
		}
		if !found {
			return account.ErrDeviceNotFound()
		}
		if refused = fn(&out); refused != nil {
			return errAgain()
		}
		out.ID, out.User = id, user
		q.Reset()
		putDevices(&q, out)
		return t.Commit(ctx, q.String())
	})
	if refused != nil {
		return account.Device{}, refused
	}
	if err != nil {
		return account.Device{}, err
	}
	return out, nil
}

// touchAtOnce is how many uses of devices are written by one transaction.
const touchAtOnce = 256

// Touch notes when devices were used.
func (a *Accounts) Touch(ctx context.Context, uses []account.Use) error {
	return a.s.Routed(ctx, func(m *mysql.Map) error {
		of := make(map[*mysql.Database][]account.Use)
		for _, u := range uses {
			d := m.OfUser(u.User)
			of[d] = append(of[d], u)
		}
		for d, some := range of {
			// In the order of the rows: two nodes that write of the same devices wait for one another, and not in a circle.
			slices.SortStableFunc(some, func(x, y account.Use) int {
				return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.Device, y.Device))
			})
			for chunk := range slices.Chunk(some, touchAtOnce) {
				users := make([]chat.UserID, len(chunk))
				for i, u := range chunk {
					users[i] = u.User
				}
				err := m.TransactUsers(ctx, d, "touch devices", slices.Compact(users), func(t *mysql.Tx) error { return touch(ctx, t, chunk) })
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func touch(ctx context.Context, t *mysql.Tx, uses []account.Use) error {
	var q mysql.Text
	q.Add("SELECT user, device, value FROM device WHERE ")
	for i, u := range uses {
		if i > 0 {
			q.Add(" OR ")
		}
		q.Add("user = ").Number(uint64(u.User)).Add(" AND device = ").Number(uint64(u.Device))
	}
	q.Add(" ORDER BY user, device FOR UPDATE")
	var found []account.Device
	err := t.Query(ctx, q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			var user chat.UserID
			d, err := scanDevice(func(to ...any) { scan(append([]any{&user}, to...)...) }, 0)
			d.User = user
			found = append(found, d)
			return err
		})
	})
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(d account.Device) bool { return d.EndedMS != 0 })
	if len(found) == 0 {
		return nil
	}
	at := make(map[[2]uint64]int, len(found))
	for i, d := range found {
		at[[2]uint64{uint64(d.User), uint64(d.ID)}] = i
	}
	for _, u := range uses {
		i, ok := at[[2]uint64{uint64(u.User), uint64(u.Device)}]
		if !ok {
			continue
		}
		found[i].LastUsedMS = max(found[i].LastUsedMS, u.AtMS)
		if u.Address != "" {
			found[i].Address = u.Address
		}
	}
	q.Reset()
	putDevices(&q, found...)
	return t.Commit(ctx, q.String())
}
