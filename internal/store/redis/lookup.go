package redis

import (
	"context"
	"slices"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// Users implements [cluster.Routes]. With an error it has appended this node, if one of the users is here: what it knows by itself.
func (r *Routes) Users(ctx context.Context, users []chat.UserID, buf []cluster.Node) ([]cluster.Node, error) {
	return r.one(ctx, cluster.Lookup{Users: users, Nodes: buf})
}

// Group implements [cluster.Routes], as Users does.
func (r *Routes) Group(ctx context.Context, id chat.ConversationID, buf []cluster.Node) ([]cluster.Node, error) {
	return r.one(ctx, cluster.Lookup{Group: id, Nodes: buf})
}

func (r *Routes) one(ctx context.Context, l cluster.Lookup) ([]cluster.Node, error) {
	all := []cluster.Lookup{l}
	r.Resolve(ctx, all)
	return all[0].Nodes, all[0].Err
}

// question is a route that is looked up, for those who asked for it.
type question struct {
	route route
	asked []int // places of lookups
}

// Resolve implements [cluster.Routes]. A route that several ask for is looked up once.
func (r *Routes) Resolve(ctx context.Context, lookups []cluster.Lookup) {
	questions, starts := r.questions(lookups)
	for some := range slices.Chunk(questions, pipelined) {
		answers, err := r.client.do(ctx, opLookup, func(b rueidis.Builder) rueidis.Commands {
			commands := make(rueidis.Commands, len(some))
			for i := range some {
				commands[i] = b.Smembers().Key(r.client.routeKey(some[i].route)).Build()
			}
			return commands
		})
		for i := range some {
			q, own := &some[i], err
			var names []string
			if i < len(answers) {
				if own = answered(answers[i], err); own == nil {
					names, own = answers[i].AsStrSlice()
				}
			}
			for _, place := range q.asked {
				l := &lookups[place]
				if failed := r.leadAll(ctx, q.route, names, own, l, starts[place]); failed != nil && l.Err == nil {
					l.Err = unavailable(failed, "looking up routes")
				}
			}
		}
	}
}

// questions are the routes of lookups, each once, and where the nodes of each lookup begin. What this node knows by itself is appended
// to these already.
func (r *Routes) questions(lookups []cluster.Lookup) (questions []question, starts []int) {
	starts = make([]int, len(lookups))
	known := make(map[route]int, len(lookups))
	for place := range lookups {
		l := &lookups[place]
		starts[place] = len(l.Nodes)
		routes := make([]route, 0, max(1, len(l.Users)))
		if l.Group != 0 {
			routes = append(routes, route{group: true, id: uint64(l.Group)})
		}
		for _, u := range l.Users {
			routes = append(routes, route{id: uint64(u)})
		}
		if r.any(routes) {
			l.Nodes = append(l.Nodes, r.node)
		}
		for _, k := range routes {
			at, ok := known[k]
			if !ok {
				at = len(questions)
				known[k] = at
				questions = append(questions, question{route: k})
			}
			questions[at].asked = append(questions[at].asked, place)
		}
	}
	return questions, starts
}

// leadAll appends the nodes that a route leads to, as it was answered.
func (r *Routes) leadAll(ctx context.Context, k route, names []string, err error, l *cluster.Lookup, start int) error {
	for _, name := range names {
		if err == nil {
			l.Nodes, err = r.lead(ctx, k, cluster.Node(name), l.Nodes, start)
		}
	}
	return err
}

// lead appends the node that a route leads to, if it lives. A route to this node that this node does not know of any more is a
// leftover, of a detach that is on its way.
func (r *Routes) lead(ctx context.Context, k route, n cluster.Node, buf []cluster.Node, start int) ([]cluster.Node, error) {
	if n == r.node || slices.Contains(buf[start:], n) {
		return buf, nil
	}
	alive, err := r.lives(ctx, n)
	switch {
	case err != nil:
		return buf, err
	case alive:
		return append(buf, n), nil
	case r.gone(n):
		r.remove(k, n)
	}
	return buf, nil
}

// routeKey is the key of a route.
func (c *Client) routeKey(k route) string {
	if k.group {
		return c.groupKey(chat.ConversationID(k.id))
	}
	return c.userKey(chat.UserID(k.id))
}
