package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/throng-im/throng/internal/cluster"
)

// The drivers. Those of one deployment belong together: an outbox in MySQL feeds a queue that several nodes read, and they find one
// another by routes and a bus that all of them reach.
const (
	driverPebble = "pebble"
	driverLocal  = "local"
	driverMySQL  = "mysql"
	driverKafka  = "kafka"
	driverRedis  = "redis"
)

// drivers are the engines as they are chosen together.
type drivers struct{ store, queue, bus, routes string }

func oneNode() drivers { return drivers{driverPebble, driverPebble, driverLocal, driverLocal} }

func manyNodes() drivers { return drivers{driverMySQL, driverKafka, driverRedis, driverRedis} }

func (c *Config) drivers() drivers {
	return drivers{c.Store.Driver, c.Queue.Driver, c.Bus.Driver, c.Routes.Driver}
}

// Shared reports whether the engines are ones that several nodes share.
func (c *Config) Shared() bool { return c.drivers() == manyNodes() }

// Serves reports whether this node takes clients.
func (c *Config) Serves() bool { return c.has(cluster.RoleGateway) }

// Works reports whether it does what follows the log.
func (c *Config) Works() bool { return c.has(cluster.RoleWorker) }

func (c *Config) has(role string) bool { return len(c.Roles) == 0 || slices.Contains(c.Roles, role) }

// roles says what is wrong with them.
func (c *Config) roles() error {
	var problems []error
	for _, r := range c.Roles {
		problems = append(problems, oneOf("roles", r, cluster.RoleGateway, cluster.RoleWorker))
	}
	if !c.Shared() && len(c.Roles) > 0 {
		problems = append(problems, errors.New("roles: a node by itself does everything; leave them empty, or give it engines that nodes share (store.driver)"))
	}
	return errors.Join(problems...)
}

// engines says what is wrong with the engines and with the settings of those that are used.
func (c *Config) engines() error {
	d := c.drivers()
	if err := errors.Join(
		oneOf("store.driver", d.store, driverPebble, driverMySQL), oneOf("queue.driver", d.queue, driverPebble, driverKafka),
		oneOf("bus.driver", d.bus, driverLocal, driverRedis), oneOf("routes.driver", d.routes, driverLocal, driverRedis),
	); err != nil {
		return err
	}
	one, many := oneNode(), manyNodes()
	switch d {
	case one:
		return nil
	case many:
	default:
		return fmt.Errorf("store.driver, queue.driver, bus.driver and routes.driver are %q, %q, %q and %q; write %q, %q, %q and %q for one node, or %q, %q, %q and %q for several",
			d.store, d.queue, d.bus, d.routes, one.store, one.queue, one.bus, one.routes,
			many.store, many.queue, many.bus, many.routes)
	}
	problems := []error{
		in("mysql", c.MySQL.Validate()), in("kafka", c.Kafka.Validate()), in("redis", c.Redis.Validate()), in("relay", c.Relay.Validate()),
	}
	if len(c.Account.SigningSecrets) == 0 {
		problems = append(problems, errors.New("account.signing_secrets: all nodes need the same one, of 32 bytes or more; make one with: openssl rand -hex 32"))
	}
	return errors.Join(problems...)
}
