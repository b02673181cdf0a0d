package config

import (
	"errors"
	"fmt"
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
