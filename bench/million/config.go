package million

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/text"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Cluster is a configuration file that names the engines and the signing secret.
	Cluster string
	// Members of the group, all of them online; default a million.
	Members int
	// Processes of gateways; default is one for each 19,000 members.
	Processes int
	// Messages that go out one after the other, each when all have the last; default 5.
	Messages int
	// Writers of the messages after that, drawn at random among the members; default 1,000.
	Writers int
	// InFlight of their messages are on their way at once; default 40.
	InFlight int
	// Duration of their writing; default 20 s.
	Duration time.Duration
	// Size of a text in bytes; default 128, at least 40.
	Size int
	// Heartbeat is how often clients send one if they send nothing else; default 10 minutes. So long a one is not due within a run: clients
	// have sent something when they opened.
	Heartbeat time.Duration
	// Filling is how many gateways are filled at once, the others in turn after them, as a balancer does that fills one after the other;
	// default 3. Opening bounds how many clients of each are connecting at once; default 1,500.
	Filling, Opening int
	// Patience with receivers that lack something; default a minute.
	Patience time.Duration
	// Ground is a file that says what an earlier run has left in the databases, and is written where it is not there; default none: each
	// run makes users and a group of its own.
	Ground string
	// Prepare ends the run when some of that is there: PrepareGroup or PrepareDevices; default is to go on.
	Prepare string
	// Within ends the making of devices after a while; the next run goes on. 0 is when all are there.
	Within time.Duration
	// Alone leaves the bare loops out.
	Alone bool
	// Usual leaves out what a run of this size is judged by besides what was delivered.
	Usual bool

	// Settings of all nodes besides, like MYSQL_MAX_CONNECTIONS=4, and Environment of the gateways, like GOMAXPROCS=1.
	Settings, Environment []string
	// Binary is what is started; default is the running executable.
	Binary string
	// Folder is where nodes have their data folders; default temporary.
	Folder string
	// Bare starts a bare loop; default is a process of its own.
	Bare func(ctx context.Context) (*bare.Process, error)
	// Command stands in the report.
	Command string
}

// What is prepared: users and the group, or their devices too, for which everybody comes once.
const (
	PrepareGroup   = "group"
	PrepareDevices = "devices"
)

// The defaults.
const (
	DefaultMembers   = 1_000_000
	DefaultMessages  = 5
	DefaultWriters   = 1_000
	DefaultInFlight  = 40
	DefaultDuration  = 20 * time.Second
	DefaultHeartbeat = 10 * time.Minute
	// PerProcess is how many sockets a gateway has at most, unless it is told otherwise: the usual limit of descriptors here is 20,000.
	PerProcess = 19_000

	defaultSize     = 128
	maxSize         = 16_000
	maxProcesses    = 64
	openingEach     = 1_500
	defaultFilling  = 3
	defaultPatience = time.Minute
)

// What a run is judged by from judgedFrom members on.
const (
	judgedFrom    = 100_000
	connectWithin = 2 * time.Minute
	verdictWithin = 10 * time.Minute
	mostRatio     = 1.25 // time of a message to all, of that of the bare loops
)

func (c *Config) complete() error {
	c.Members = cmp.Or(c.Members, DefaultMembers)
	c.Processes = cmp.Or(c.Processes, (c.Members+PerProcess-1)/PerProcess)
	c.Messages = cmp.Or(c.Messages, DefaultMessages)
	c.Writers = cmp.Or(c.Writers, min(DefaultWriters, c.Members))
	c.InFlight = cmp.Or(c.InFlight, DefaultInFlight)
	c.Duration = cmp.Or(c.Duration, DefaultDuration)
	c.Size = cmp.Or(c.Size, defaultSize)
	c.Heartbeat = cmp.Or(c.Heartbeat, DefaultHeartbeat)
	c.Patience = cmp.Or(c.Patience, defaultPatience)
	c.Opening = cmp.Or(c.Opening, openingEach)
	c.Filling = cmp.Or(c.Filling, min(defaultFilling, c.Processes))
	if c.Bare == nil {
		c.Bare = func(ctx context.Context) (*bare.Process, error) { return bare.Start(ctx, c.Binary) }
	}
	var problems []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	const spare = 300 // descriptors that are not clients
	each := (c.Members + max(c.Processes, 1) - 1) / max(c.Processes, 1)
	most := report.Descriptors() - spare
	check(c.Cluster == "", "name the configuration file of a cluster: --cluster")
	check(c.Members < 2, "members is at least 2")
	check(c.Processes < 1 || c.Processes > maxProcesses || c.Processes > c.Members, "processes is 1 to %d, and not above the members", maxProcesses)
	check(most > 0 && each > most && c.Prepare == "", "a process may open %d files: %d sockets each are too many (ulimit -n, --processes)", most+spare, each)
	check(c.Writers < 1 || c.Writers > c.Members, "writers is 1 to members (%d)", c.Members)
	check(c.InFlight < 1 || c.InFlight > c.Writers, "in-flight is 1 to writers (%d)", c.Writers)
	check(c.Size < text.MinBytes || c.Size > maxSize, "size is %d to %d", text.MinBytes, maxSize)
	check(c.Messages < 1 || c.Duration < 0 || c.Opening < 1 || c.Filling < 1, "messages, opening and filling are at least 1, the duration is not negative")
	check(c.Heartbeat < time.Second, "a heartbeat is at least 1s")
	check(c.Prepare != "" && c.Prepare != PrepareGroup && c.Prepare != PrepareDevices, "prepare is %s or %s", PrepareGroup, PrepareDevices)
	check(c.Prepare != "" && c.Ground == "", "what is prepared is noted in a file: --ground")
	return errors.Join(problems...)
}

// judged reports that the run is held to its bounds.
func (c *Config) judged() bool { return !c.Usual && c.Members >= judgedFrom }
