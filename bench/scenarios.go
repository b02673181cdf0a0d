package bench

import (
	"context"
	"flag"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/send"
)

func scenarios() []scenario {
	return []scenario{
		{
			name: "send", summary: "messages in many conversations, acknowledged and delivered", flags: sendFlags,
			usage: `All members of the conversations are online, but for --online.

  throng bench send                                                   1,000 senders, direct conversations
  throng bench send --senders 100 --members 10                        100 senders, groups of 10
  throng bench send --senders 100 --members 100 --online 10           groups of 100 with 10 online
  throng bench send --rate 2000                                       messages due at a fixed rate
`,
		},
	}
}

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
