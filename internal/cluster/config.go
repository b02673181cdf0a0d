package cluster

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/throng-im/throng/internal/chat"
)

// Config is what a node says of itself, and which users go to which nodes.
type Config struct {
	// URL is where clients reach this very node, past the balancer: http, https, ws or wss. Empty leaves the choice of a node to the
	// balancer at server.public_url.
	URL string
	// Zone is where the node stands, such as a data centre. Clients are sent to their own zone first: the one that they name, or that of
	// the node that they ask.
	Zone string
	// Label is what grayscale goes by; empty is the version of the program.
	Label string
	// Weight is the node's share of new connections, against the weights of the others; 0 takes none. Reloaded on SIGHUP.
	Weight int
	// Grayscale sends some users to the nodes of one label, and all others to the other nodes.
	Grayscale Grayscale
}

// Grayscale sends some users to the nodes of one label, and all others to the other nodes; where those take nobody, to any. Give all
// nodes the same.
type Grayscale struct {
	// Label of the nodes; empty tells nobody apart. Reloaded on SIGHUP.
	Label string
	// Percent of the users who go there, from 0 to 100; the same users each time, and more of them as it rises. Reloaded on SIGHUP.
	Percent float64
	// Users are ids of users who go there whatever the percentage is. Reloaded on SIGHUP.
	Users []string
}

// Default is one node among equals.
func Default() Config { return Config{Weight: 100} }

const (
	maxWeight = 10_000
	// MaxZone bounds the name of a zone, in bytes; labels too.
	MaxZone = 64
)

// Validate reports every setting that cannot work.
func (c Config) Validate() error {
	var problems []error
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "wss" && u.Scheme != "ws") {
			problems = append(problems, fmt.Errorf("url: %q is no address of a server, such as https://node1.chat.example.com", c.URL))
		}
	}
	for name, text := range map[string]string{"zone": c.Zone, "label": c.Label, "grayscale.label": c.Grayscale.Label} {
		if len(text) > MaxZone {
			problems = append(problems, fmt.Errorf("%s: at most %d bytes", name, MaxZone))
		}
	}
	if c.Weight < 0 || c.Weight > maxWeight {
		problems = append(problems, fmt.Errorf("weight: %d is not from 0 to %d", c.Weight, maxWeight))
	}
	if g := c.Grayscale; !(g.Percent >= 0 && g.Percent <= 100) { // nor a number that is none
		problems = append(problems, fmt.Errorf("grayscale.percent: %g is not from 0 to 100", g.Percent))
	}
	for _, text := range c.Grayscale.Users {
		if _, err := chat.ParseID(text); err != nil {
			problems = append(problems, fmt.Errorf("grayscale.users: %q is no id of a user", text))
		}
	}
	return errors.Join(problems...)
}

// Policy is the grayscale as schedulers take it.
func (g Grayscale) Policy() Policy {
	p := Policy{Label: g.Label, Percent: g.Percent, Users: make(map[chat.UserID]bool, len(g.Users))}
	for _, text := range g.Users {
		if n, err := chat.ParseID(text); err == nil {
			p.Users[chat.UserID(n)] = true
		}
	}
	return p
}
