package people

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
	"github.com/throng-im/throng/internal/store/mysql"
)

// newDevice is a labelled device to be added, where there is room.
type newDevice struct {
	device account.Device
	room   account.Room
}

// errAlone says that a device is to be added by itself: something has to go for it, or its account is not there.
var errAlone = errors.New("it takes a transaction of its own")

// addSome adds the labelled devices of many users in one transaction for each database: the first time that a company's users come is
// the first time for all of them.
func (a *Accounts) addSome(ctx context.Context, keys []*newDevice) ([]gather.Found[account.Device], error) {
	first, err := a.devices.take(ctx, uint64(len(keys)))
	if err != nil {
		return nil, err
	}
	out := make([]gather.Found[account.Device], len(keys))
	err = a.s.Routed(ctx, func(m *mysql.Map) error {
		of := make(map[*mysql.Database][]int)
		for i := range keys {
			d := m.OfUser(keys[i].device.User)
			of[d] = append(of[d], i)
		}
		for d, places := range of {
			// In the order of the rows: two nodes that add devices of the same users wait for one another, and not in a circle.
			slices.SortStableFunc(places, func(x, y int) int { return cmp.Compare(keys[x].device.User, keys[y].device.User) })
			users := make([]chat.UserID, len(places))
			for n, i := range places {
				users[n] = keys[i].device.User
			}
			users = slices.Compact(users)
			err := m.TransactUsers(ctx, d, "add devices", users, func(t *mysql.Tx) error {
				return addAll(ctx, t, keys, places, users, first, out)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// addAll adds devices of users in one database, under ids from first on by their places.
func addAll(
	ctx context.Context, t *mysql.Tx, keys []*newDevice, places []int, users []chat.UserID, first uint64, out []gather.Found[account.Device],
) error {
	known, err := lockSome(ctx, t, users)
	if err != nil {
		return err
	}
	var fresh []account.Device
	for _, i := range places {
		id := chat.DeviceID(first + uint64(i))
		if out[i] = known[keys[i].device.User].addTo(keys[i], id); out[i].Err == nil && out[i].Value.ID == id {
			fresh = append(fresh, out[i].Value)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	var q mysql.Text
	putDevices(&q, fresh...)
	return t.Commit(ctx, q.String())
}

// addTo finds the device with the label of a new one, or adds that.
func (u *locked) addTo(k *newDevice, id chat.DeviceID) (out gather.Found[account.Device]) {
	if u == nil || !u.living() {
		out.Err = errAlone
		return out
	}
	if i := slices.IndexFunc(u.devices, func(o account.Device) bool { return o.Label == k.device.Label }); i >= 0 {
		out.Value = u.devices[i]
		return out
	}
	if gone, err := k.room.Make(u.devices, k.device); err != nil || len(gone) > 0 {
		out.Err = errAlone
		return out
	}
	out.Value = k.device
	out.Value.ID = id
	u.devices = append(u.devices, out.Value)
	return out
}

// lockSome locks the rows of users and reads their devices.
func lockSome(ctx context.Context, t *mysql.Tx, ids []chat.UserID) (map[chat.UserID]*locked, error) {
	var q mysql.Text
	q.Add("SELECT user, value, leaving FROM account WHERE user IN (")
	list(&q, ids)
	q.Add(") ORDER BY user FOR UPDATE;SELECT user, device, value FROM device WHERE user IN (")
	list(&q, ids)
	q.Add(") ORDER BY user, device FOR UPDATE")
	users := make(map[chat.UserID]*locked, len(ids))
	err := t.Query(ctx, q.String(), func(r *mysql.Rows) error {
		err := r.Each(func(scan func(...any)) (err error) {
			var id chat.UserID
			var value []byte
			u := new(locked)
			scan(&id, &value, &u.leaving)
			u.Account, err = decodeAccount(id, value)
			users[id] = u
			return err
		})
		if err != nil || !r.More() {
			return err
		}
		return r.Each(func(scan func(...any)) error {
			var id chat.UserID
			d, err := scanDevice(func(to ...any) { scan(append([]any{&id}, to...)...) }, 0)
			if u := users[id]; u != nil {
				d.User = id
				u.devices = append(u.devices, d)
			}
			return err
		})
	})
	return users, err
}
