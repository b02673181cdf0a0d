package people

import (
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
	"github.com/throng-im/throng/internal/store/mysql"
)

// deviceKey names a device of a user, by its id or by its label.
type deviceKey struct {
	user  chat.UserID
	id    chat.DeviceID // 0 where label says which
	label string
}

// gathers are what sessions that open look up one by one, and databases are asked for by many at a time.
type gathers struct {
	externals *gather.Many[string, account.Account]
	accounts  *gather.Many[chat.UserID, row]
	devices   *gather.Many[deviceKey, account.Device] // the zero device where there is none
	fresh     *gather.Many[*newDevice, account.Device]
}

func newGathers(a *Accounts) gathers {
	return gathers{
		externals: mysql.Gather(a.byExternals),
		accounts: mysql.Gather(func(ctx context.Context, ids []chat.UserID) ([]gather.Found[row], error) {
			rows, err := a.find(ctx, ids)
			if err != nil {
				return nil, err
			}
			out := make([]gather.Found[row], len(ids))
			for i, id := range ids {
				out[i].Value = rows[id]
			}
			return out, nil
		}),
		devices: mysql.Gather(a.someDevices),
		fresh:   mysql.Gather(a.addSome),
	}
}

// byExternals finds accounts by their external ids. Of those that are being deleted each is looked at by itself.
func (a *Accounts) byExternals(ctx context.Context, names []string) ([]gather.Found[account.Account], error) {
	var q mysql.Text
	q.Add("SELECT external_id, user FROM external_id WHERE external_id IN (")
	for i, name := range names {
		if i > 0 {
			q.Add(",")
		}
		q.Blob([]byte(name))
	}
	q.Add(")")
	users := make(map[string]chat.UserID, len(names))
	err := a.home.Read(ctx, "account by name", q.String(), func(r *mysql.Rows) error {
		clear(users)
		return r.Each(func(scan func(...any)) error {
			var name []byte
			var id chat.UserID
			scan(&name, &id)
			users[string(name)] = id
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	ids := make([]chat.UserID, 0, len(users))
	for _, id := range users {
		ids = append(ids, id)
	}
	rows, err := a.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]gather.Found[account.Account], len(names))
	for i, name := range names {
		switch id, known := users[name]; {
		case !known:
			out[i].Err = account.ErrUserNotFound()
		case rows[id].living():
			out[i].Value = rows[id].Account
		default:
			out[i].Value, out[i].Err = a.by(ctx, byExternal, name)
		}
	}
	return out, nil
}

// someDevices reads devices of users.
func (a *Accounts) someDevices(ctx context.Context, keys []deviceKey) ([]gather.Found[account.Device], error) {
	known := make(map[deviceKey]account.Device, len(keys))
	err := a.s.Routed(ctx, func(m *mysql.Map) error {
		clear(known)
		for d, q := range deviceQueries(m, keys) {
			var found []account.Device
			err := m.Read(ctx, d, "devices", q.String(), func(r *mysql.Rows) error {
				found = found[:0]
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
			for _, d := range found {
				known[deviceKey{user: d.User, id: d.ID}] = d
				if d.Label != "" {
					known[deviceKey{user: d.User, label: d.Label}] = d
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]gather.Found[account.Device], len(keys))
	for i, k := range keys {
		out[i].Value = known[k]
	}
	return out, nil
}

// deviceQueries asks for devices where they are. Lists of keys are looked up key by key, in one index each; a chain of OR is weighed against
// scans first, which costs the database more than the rows do.
func deviceQueries(m *mysql.Map, keys []deviceKey) map[*mysql.Database]*mysql.Text {
	of := make(map[*mysql.Database]*mysql.Text)
	for _, labelled := range []bool{true, false} {
		begun := make(map[*mysql.Database]bool)
		for _, k := range keys {
			if labelled != (k.id == 0) {
				continue
			}
			d := m.OfUser(k.user)
			q := of[d]
			switch {
			case q == nil:
				q = new(mysql.Text)
				of[d] = q
			case !begun[d]:
				q.Add(") UNION ALL ")
			}
			switch {
			case begun[d]:
				q.Add(",(")
			case labelled:
				q.Add("SELECT user, device, value FROM device WHERE (user, label) IN ((")
			default:
				q.Add("SELECT user, device, value FROM device WHERE (user, device) IN ((")
			}
			begun[d] = true
			if q.Number(uint64(k.user)).Add(","); labelled {
				q.Blob([]byte(k.label)).Add(")")
			} else {
				q.Number(uint64(k.id)).Add(")")
			}
		}
	}
	for _, q := range of {
		q.Add(")")
	}
	return of
}
