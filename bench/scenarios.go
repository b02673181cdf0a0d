package bench

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/connect"
	"github.com/throng-im/throng/bench/fair"
	"github.com/throng-im/throng/bench/fanout"
	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/mega"
	"github.com/throng-im/throng/bench/million"
	"github.com/throng-im/throng/bench/send"
	"github.com/throng-im/throng/bench/slow"
	"github.com/throng-im/throng/bench/storm"
	"github.com/throng-im/throng/bench/target"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func scenarios() []scenario {
	return []scenario{
		{
			name: "send", summary: "messages in many conversations, acknowledged and delivered", flags: sendFlags,
			usage: sendUsage,
		},
		{
			name: "connect", summary: "sessions that are opened and left alone", flags: connectFlags,
			usage: `  throng bench connect --connections 10000
`,
		},
		{
			name: "fanout", summary: "one group, everybody online, content to all, beside the bare loop", flags: fanoutFlags,
			usage: fanoutUsage,
		},
		{
			name: "limit", summary: "the physical limit: a bare loop in place of the server", flags: limitFlags,
			usage: `  throng bench limit --members 10000
      one message at a time
  throng bench limit --members 19000 --in-flight 2
      saturation
  throng bench limit --members 10000 --chunk 10
      ten messages in each write
`,
		},
		{
			name: "storm", summary: "too much of everything: send, push, pull, reconnect", flags: stormFlags,
			usage: `  throng bench storm
      all of them, one after the other
  throng bench storm --kind reconnect
      15,000 sessions come back after kill -9
  throng bench storm --kind reconnect --bad
      clients that do not wait
`,
		},
		{
			name: "mega", summary: "a group of a million: random members write, everything is looked at", flags: megaFlags,
			usage: `  throng bench mega
      a million members, 19,000 of them online
  throng bench mega --members 100000 --online 5000 --rate 10
  throng bench mega --cluster FILE       all online on sockets, at 53 gateways
`,
		},
		{
			name: "slow", summary: "receivers that stop reading: their cost, and that they miss nothing", flags: slowFlags,
			usage: `Parts with nobody slow and with slow receivers take turns.

  throng bench slow
      one of 200 members, texts of 16 KiB
  throng bench slow --slow 50 --rate 50
      the memory of many
  throng bench slow --duration 40s --rounds 1
      until the server closes them
`,
		},
		{
			name: "fair", summary: "one-to-one chats beside a group of a million at its send limit", flags: fairFlags,
			usage: `Parts with the chats alone and beside the group take turns.

  throng bench fair
      200 chats, a million members, 10,000 of them online
  throng bench fair --members 100000 --online 5000 --pairs 50 --rate 200
`,
		},
		{name: bare.Command, flags: bareFlags},
	}
}

const sendUsage = `All members of the conversations are online, but for --online.

  throng bench send
      1,000 senders, direct conversations
  throng bench send --senders 100 --members 10
      100 senders, groups of 10
  throng bench send --senders 100 --members 100 --online 10
      groups of 100 with 10 online
  throng bench send --rate 2000
      messages due at a fixed rate
`

func sendFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := send.Config{Command: c.command}
	f.IntVar(&cfg.Senders, "senders", send.DefaultSenders, "`users` that send at the same time")
	f.IntVar(&cfg.Conversations, "conversations", send.DefaultSenders, "conversations they send to")
	f.IntVar(&cfg.Members, "members", send.DefaultMembers, "members of each conversation; 2 are direct conversations")
	f.IntVar(&cfg.Online, "online", 0, "members of each that are online (default all)")
	f.IntVar(&cfg.Users, "users", 0, "users online in all (default two for each direct conversation, else as many as senders)")
	f.IntVar(&cfg.Size, "size", send.DefaultSize, "`bytes` of a text")
	f.Float64Var(&cfg.Rate, "rate", 0, "messages `per second` over all senders; 0 is one outstanding for each sender")
	f.DurationVar(&cfg.Duration, "duration", send.DefaultDuration, "how long to measure")
	f.DurationVar(&cfg.Warmup, "warmup", send.DefaultWarmup, "how long to send before that")
	f.IntVar(&cfg.Preload, "preload", 0, "messages that lie in the server before the load")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.URL, cfg.Key, cfg.Metrics, cfg.Binary, cfg.Folder = c.url, c.key, c.metrics, c.binary, c.folder
		rep, err := send.Run(ctx, cfg, show)
		return &rep, err
	}
}

func (c *common) target() target.Options {
	return target.Options{URL: c.url, Key: c.key, Secret: c.secret, Metrics: c.metrics, Binary: c.binary, Folder: c.folder}
}

func connectFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := connect.Config{Command: c.command}
	f.IntVar(&cfg.Connections, "connections", connect.DefaultConnections, "sessions to open, each of a user of its own")
	f.DurationVar(&cfg.Idle, "idle", connect.DefaultIdle, "how long to leave them alone")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.Target = c.target()
		rep, err := connect.Run(ctx, cfg, show)
		return &rep, err
	}
}

func crowdFlags(f *flag.FlagSet, cfg *fanout.Config, who string) {
	f.IntVar(&cfg.Members, "members", 0, fmt.Sprintf("%s (default %d)", who, fanout.DefaultMembers))
	f.IntVar(&cfg.Size, "size", fanout.DefaultSize, "`bytes` of a text")
	f.Float64Var(&cfg.Rate, "rate", 0, "messages `per second`; 0 is as fast as it goes")
	f.IntVar(&cfg.InFlight, "in-flight", 0, "messages on their way at once: 1 is one after the other, 2 saturates (default 1, with --chunk four times that)")
	f.IntVar(&cfg.Chunk, "chunk", 0, "messages that the bare loop merges into a write, and that the server is given a chance to")
	f.DurationVar(&cfg.Duration, "duration", fanout.DefaultDuration, "how long to measure each side, all rounds together")
	f.IntVar(&cfg.Rounds, "rounds", 0, fmt.Sprintf("in which they take turns (default %d)", fanout.DefaultRounds))
	f.DurationVar(&cfg.Warmup, "warmup", fanout.DefaultWarmup, "how long to send before each round")
}

const fanoutUsage = `Server and bare loop take turns on the same number of sockets of the same load.

  throng bench fanout --members 10000
      the next message when all have the last
  throng bench fanout --members 19000 --in-flight 2
      saturation
  throng bench fanout --members 10000 --chunk 10 --senders 4
      enough at once for chunks of 10
  throng bench fanout --members 1000 --rate 20
      messages due at a fixed rate
  throng bench fanout --transport memory
      a million in one process, without sockets
`

func fanoutFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := fanout.Config{Command: c.command}
	crowdFlags(f, &cfg, "members of the group, all online")
	transport := f.String("transport", "socket", "socket, or memory: the server in this process, a million members by default, no bare loop")
	f.IntVar(&cfg.Senders, "senders", 0, "members that send (default 1, with --transport memory 4)")
	f.BoolVar(&cfg.Alone, "no-limit", false, "leave the bare loop out")
	tier := f.String("tier", "", "deliver as a small, medium or large group, whatever its size")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.Target = c.target()
		if *transport != "socket" && *transport != "memory" {
			return nil, fmt.Errorf("%w: --transport is socket or memory", ErrUsage)
		}
		cfg.Memory = *transport == "memory"
		if *tier != "" {
			n, ok := throngv1.Tier_value["TIER_"+strings.ToUpper(*tier)]
			if !ok {
				return nil, fmt.Errorf("%w: --tier is small, medium or large", ErrUsage)
			}
			cfg.Tier = throngv1.Tier(n)
		}
		rep, err := fanout.Run(ctx, cfg, show)
		return &rep, err
	}
}

func limitFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := fanout.Config{Command: c.command, LimitOnly: true}
	crowdFlags(f, &cfg, "sockets that are written to")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.Target = c.target()
		rep, err := fanout.Run(ctx, cfg, show)
		return &rep, err
	}
}

func stormFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := storm.Config{Command: c.command}
	f.StringVar(&cfg.Kind, "kind", storm.All, "send, push, pull, reconnect or all")
	f.IntVar(&cfg.Clients, "clients", 0, fmt.Sprintf("that are online (default %d to reconnect, %d for push and pull, %d to send)",
		storm.DefaultReconnects, storm.DefaultOnline, storm.DefaultSenders))
	f.BoolVar(&cfg.Bad, "bad", false, "clients that come back at once, again and again")
	f.DurationVar(&cfg.Duration, "duration", storm.DefaultDuration, "of the peak, and of the storm of sends")
	f.Float64Var(&cfg.Times, "times", storm.DefaultTimes, "as many sends as the server takes")
	f.IntVar(&cfg.Messages, "messages", storm.DefaultMessages, "at once in a storm of pushes")
	f.IntVar(&cfg.Pulls, "pulls", storm.DefaultPulls, "in a storm of pulls, over all clients")
	f.IntVar(&cfg.Size, "size", storm.DefaultSize, "`bytes` of a text")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.Target = c.target()
		rep, err := storm.Run(ctx, cfg, show)
		return &rep, err
	}
}

func megaFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := mega.Config{Command: c.command}
	f.IntVar(&cfg.Members, "members", mega.DefaultMembers, "members of the group")
	f.IntVar(&cfg.Online, "online", 0, fmt.Sprintf("of them that are online, one in 20 of whom has something else open (default %d, or all)", mega.DefaultOnline))
	f.IntVar(&cfg.Writers, "writers", 0, fmt.Sprintf("of those that write (default %d, or all)", mega.DefaultWriters))
	f.Float64Var(&cfg.Rate, "rate", 0, "messages `per second`; 0 is as fast as it goes")
	f.IntVar(&cfg.Size, "size", fanout.DefaultSize, "`bytes` of a text")
	f.DurationVar(&cfg.Duration, "duration", mega.DefaultDuration, "how long they write")
	f.IntVar(&cfg.Absent, "absent", 0, fmt.Sprintf("members who are not online that read in the end (default %d, or all)", mega.DefaultAbsent))
	many := million.Config{}
	var settings, environment string
	f.StringVar(&many.Cluster, "cluster", "", "the configuration `file` of a cluster: everybody is online then, over sockets at gateways that are started on its engines")
	f.IntVar(&many.Processes, "processes", 0, fmt.Sprintf("with --cluster: gateways (default one for each %d members)", million.PerProcess))
	f.IntVar(&many.Messages, "messages", million.DefaultMessages, "with --cluster: messages that go out one after the other")
	f.IntVar(&many.InFlight, "in-flight", 0, fmt.Sprintf("with --cluster: messages on their way at once after that (default %d)", million.DefaultInFlight))
	f.DurationVar(&many.Heartbeat, "heartbeat", million.DefaultHeartbeat, "with --cluster: how often clients send something at least")
	f.IntVar(&many.Filling, "filling", 0, "with --cluster: gateways that are filled at once (default 3)")
	f.IntVar(&many.Opening, "opening", 0, "with --cluster: clients of a gateway that are connecting at once (default 1500)")
	f.StringVar(&many.Ground, "ground", "", "with --cluster: a `file` that names the users, the group and the devices that are in the databases; made where it is not there")
	f.StringVar(&many.Prepare, "prepare", "", "with --cluster: make users and `group`, or their devices too, note them in --ground, and do nothing else")
	f.DurationVar(&many.Within, "within", 0, "with --prepare devices: end after a while, to go on another time; 0 is when all are there")
	f.BoolVar(&many.Alone, "alone", false, "with --cluster: without the bare loops")
	f.StringVar(&settings, "settings", "", "with --cluster: `settings` of the nodes, like MYSQL_MAX_CONNECTIONS=4,LOG_LEVEL=info")
	f.StringVar(&environment, "environment", "", "with --cluster: `variables` of the gateways, like GOMAXPROCS=1")
	return func(ctx context.Context, show live.Func) (result, error) {
		if many.Cluster == "" {
			cfg.Target = c.target()
			rep, err := mega.Run(ctx, cfg, show)
			return &rep, err
		}
		if cfg.Online != 0 || cfg.Rate != 0 || cfg.Absent != 0 || c.url != "" {
			return nil, fmt.Errorf("%w: --cluster has everybody online and writing as fast as it goes, on nodes of its own", ErrUsage)
		}
		many.Members, many.Writers, many.Size, many.Command, many.Binary, many.Folder = cfg.Members, cfg.Writers, cfg.Size, c.command, c.binary, c.folder
		if cfg.Duration != mega.DefaultDuration {
			many.Duration = cfg.Duration
		}
		many.Settings, many.Environment = list(settings), list(environment)
		rep, err := million.Run(ctx, many, show)
		return &rep, err
	}
}

// list is what stands between commas.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func slowFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := slow.Config{Command: c.command}
	f.IntVar(&cfg.Members, "members", slow.DefaultMembers, "members of the group, all online")
	f.IntVar(&cfg.Slow, "slow", slow.DefaultSlow, "of them that stop reading")
	f.IntVar(&cfg.Size, "size", slow.DefaultSize, "`bytes` of a text; an entry of more than 16 KiB in all is told as a hint")
	f.Float64Var(&cfg.Rate, "rate", 0, "messages `per second`; 0 is the next when all others have the last")
	f.DurationVar(&cfg.Duration, "duration", slow.DefaultDuration, "how long they read nothing, and each part is")
	f.IntVar(&cfg.Rounds, "rounds", slow.DefaultRounds, "in which both kinds of parts take turns")
	f.DurationVar(&cfg.Warmup, "warmup", slow.DefaultWarmup, "how long to send before each part")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.Target = c.target()
		rep, err := slow.Run(ctx, cfg, show)
		return &rep, err
	}
}

func fairFlags(f *flag.FlagSet, c *common) func(ctx context.Context, show live.Func) (result, error) {
	cfg := fair.Config{Command: c.command}
	f.IntVar(&cfg.Members, "members", fair.DefaultMembers, "members of the group")
	f.IntVar(&cfg.Online, "online", 0, fmt.Sprintf("of them that are online and have it open (default %d, or all)", fair.DefaultOnline))
	f.IntVar(&cfg.Writers, "writers", 0, fmt.Sprintf("of those that write (default %d, or all)", fair.DefaultWriters))
	f.IntVar(&cfg.Pairs, "pairs", fair.DefaultPairs, "one-to-one chats of users outside of the group")
	f.Float64Var(&cfg.Rate, "rate", fair.DefaultRate, "messages `per second` of all chats together")
	f.IntVar(&cfg.Size, "size", fair.DefaultSize, "`bytes` of a text")
	f.DurationVar(&cfg.Duration, "duration", fair.DefaultDuration, "how long each part is")
	f.IntVar(&cfg.Rounds, "rounds", fair.DefaultRounds, "in which both kinds of parts take turns")
	f.DurationVar(&cfg.Warmup, "warmup", fair.DefaultWarmup, "how long to send before each part")
	return func(ctx context.Context, show live.Func) (result, error) {
		cfg.Target = c.target()
		rep, err := fair.Run(ctx, cfg, show)
		return &rep, err
	}
}

// bareFlags is the process that the others start.
func bareFlags(*flag.FlagSet, *common) func(ctx context.Context, show live.Func) (result, error) {
	return func(ctx context.Context, _ live.Func) (result, error) {
		return nil, bare.Serve(ctx, os.Stdin, os.Stdout)
	}
}
