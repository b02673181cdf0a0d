package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/timeline"
)

// outboundShare is the part of the memory budget that may wait for receivers who are behind: an eighth, of which buffers that
// grew take up to twice as much.
const outboundShare = 8

// core are the parts of a server, as wire builds them.
type core struct {
	engine        *engine
	node          *node
	sharing       *limit.Sharing
	messages      *message.Service
	accounts      *account.Service
	conversations *conversation.Service
	timelines     *timeline.Service
	fanout        *fanout.Fanout
	relations     *social.Service
	lists         *listNews
	direct        *fanout.Direct // nil where nothing can keep events back
	typing        *presence.Typing
	presence      *presence.Hub
	receipts      *receipt.Hub
	readers       *api.Receipts
	gateway       *gateway.Server
	pressure      *pressure.Monitor
}

// wire builds the server, from the engine up to the door. Reading it from top to bottom is learning the system.
func (a *App) wire(ctx context.Context) error {
	cfg, log, reg, now := a.cfg, a.log, a.registry, a.options.Now
	c := &core{}
	a.core = c
	var err error

	// The engine: what the ports are filled by.
	limits := newLimits(cfg.Limit, reg)
	if err = a.wireEngine(ctx, limits); err != nil {
		return err
	}
	e, n := c.engine, c.node
	c.sharing = newSharing(e, reg)
	limits.share(c.sharing)

	// People.
	if c.accounts, err = a.wireAccounts(); err != nil {
		return err
	}

	// The log, and what follows it.
	lines, sizes := cfg.Message, cfg.Sizes()
	lines.RecentBytes, lines.RecentMembers = sizes.RecentBytes, sizes.RecentMembers
	lines.Shards = cmp.Or(lines.Shards, e.shards)
	c.messages = message.New(lines, e.log, e.readers, reg, log, message.WithRecent(e.recent), message.WithHot(e.hot), message.WithAnnounce(n.forget), message.WithHidden(n.hidden),
		message.WithTrace(a.tracer))
	c.conversations = a.newConversations(limits)
	lists := cfg.Timeline
	lists.Digests = sizes.Digests
	c.timelines = timeline.New(lists, e.rows, e.logs, e.follower, timeline.WithCrowds(crowds{c.messages}))
	c.fanout, err = fanout.New(cfg.Fanout, fanout.Deps{
		Streams: e.streams, Members: e.directory, Routes: e.routes, Bus: e.bus, Hot: e.hot, Trace: a.tracer, Metrics: reg, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("building the fan-out: %w", err)
	}
	if err = a.wireRelations(); err != nil {
		return err
	}
	if e.behind != nil {
		c.direct = c.fanout.NewDirect(e.behind)
	}

	// What is left out while there is too much to do.
	c.pressure = a.wirePressure()
	a.wirePresence()
	a.wireReceipts()
	c.pressure.OnChange(func(l pressure.Level) { limits.crowd.Scale(eased(l)) })

	// The doors.
	names := api.NewIntroductions(c.accounts, now)
	views := deliveredSettings{c.timelines, c.fanout}
	doors := cfg.Gateway
	doors.OutboundTotal = int(sizes.Budget / outboundShare)
	c.gateway, err = gateway.New(doors, gateway.Deps{
		Auth: c.accounts, Sender: c.messages, Requests: api.NewBackend(c.messages, views, names, now).Tell(c.readers), Receipts: c.readers,
		Subscriptions: gateway.NewMemberships(c.timelines), Routes: e.registrar, Devices: e.devices, Typing: c.typing.Type, Presence: c.presence, Epoch: e.log.Epoch, Limits: limits,
		Origins: a.origins, Level: c.pressure.Level, Names: names, Pace: limits.pace, Trace: a.tracer, Metrics: reg,
		Logger: log, Now: now, Address: a.address(), Door: a.door(),
	})
	if err != nil {
		return fmt.Errorf("building the gateway: %w", err)
	}
	if a.doors != nil {
		// The loops look at the number that a caller has with them; net/http gives it another one.
		a.listener = sparing(c.gateway.Strangers())
	}
	limits.receivers = c.gateway.Audience
	c.pressure.OnChange(func(pressure.Level) { c.gateway.Degrade() })
	a.wireAccess()
	n.gateway, n.revoked, n.forgets, n.replaces = c.gateway, c.accounts.Forget, c.messages.Forget, c.gateway.Replace
	n.unsees = c.messages.Unsee
	stop := e.bus.Listen(e.node, n)
	a.closers.add(func() error { stop(); return nil })
	a.api, err = api.New(cfg.API, api.Deps{
		Tokens: c.accounts, Users: c.accounts, Accounts: c.accounts, Administration: c.accounts,
		Openings: c.conversations, Changes: c.conversations, Moderation: c.conversations, Tiers: c.conversations, Messages: c.messages, Timelines: views,
		Relations: c.relations, RelationLists: c.relations, Privacy: c.relations, Receipts: c.readers, Discretion: c.accounts,
		Invites: invite.New(e.links, groups{e.directory, c.conversations}, now),
		Past:    past{messages: c.messages, rows: e.rows}, Names: names, Presence: c.presence, Gateways: a.scheduler(), PublicURL: cfg.Server.PublicURL,
		Limits: limits, Session: c.gateway, Ready: a.health.check,
		AllowedOrigins: a.origins, Logger: log, Now: now,
	})
	if err != nil {
		return fmt.Errorf("building the API: %w", err)
	}
	return ctx.Err()
}

// newConversations builds the conversations.
func (a *App) newConversations(l *limits) *conversation.Service {
	c, e := a.core, a.core.engine
	return conversation.New(a.cfg.Conversation, e.directory, c.messages, c.accounts, e.log, conversation.WithCounts(e.rows), conversation.WithTerms(terms{c}),
		conversation.WithPasswords(c.accounts, l), conversation.WithEntries(single{c.messages}))
}

// wireAccess builds what this node says of itself, what it is asked by others, and what empties it.
func (a *App) wireAccess() {
	c := a.core
	if a.options.Registry != nil {
		c.engine.registry = a.options.Registry
	}
	a.wireWays()
	a.announcer = a.newAnnouncer()
	c.pressure.OnChange(func(pressure.Level) { a.announcer.say() })
	c.accounts.OnRevoke(func(r account.Revocation) {
		if r.Reason == chat.ReasonUserDisabled {
			c.gateway.CloseUser(r.User)
			return
		}
		c.gateway.CloseDevices(r.User, r.Devices, r.Reason)
	})
	a.drainer = &drainer{gateway: c.gateway, announcer: a.announcer, health: a.health, log: a.log, timeout: a.cfg.Server.DrainTimeout, followers: newGate()}
}

// wireEngine opens the engine, and says what this node is among others on it.
func (a *App) wireEngine(ctx context.Context, l *limits) (err error) {
	c := a.core
	if a.cfg.Shared() {
		c.engine, err = a.clustered(ctx, l.admit)
	} else {
		c.engine, err = a.embedded(l.admit)
	}
	if err != nil {
		return err
	}
	a.health = newHealth(a.log, a.cfg.Data, a.cfg.Store.ReserveBytes, c.engine.ready)
	c.node = newNode(c.engine, a.log)
	return nil
}

// wireAccounts builds the accounts. A key of their own lets the operator's commands in; it lives as long as the process.
func (a *App) wireAccounts() (*account.Service, error) {
	cfg := a.cfg.Account
	if len(cfg.SigningSecrets) == 0 {
		secret, err := a.secret("signing")
		if err != nil {
			return nil, err
		}
		cfg.SigningSecrets = []account.Secret{account.Secret(secret)}
	}
	a.localKey = rand.Text() + rand.Text()
	cfg.ServerKeys = append(slices.Clone(cfg.ServerKeys), account.Secret(a.localKey))
	rows := a.core.engine.people
	handles := limit.New[string](a.cfg.Limit.SignInHandle, nil)
	signIns, signUps := limit.NewAddresses(a.cfg.Limit.SignInAddress, nil), limit.NewAddresses(a.cfg.Limit.SignUpAddress, nil)
	handles.Share(a.core.sharing, limitSignIn, strings.Clone)
	signIns.Share(a.core.sharing, limitSignInFrom)
	signUps.Share(a.core.sharing, limitSignUp)
	s, err := account.New(cfg, account.Deps{
		Users: rows, Devices: rows, Invitations: rows, SignInHandle: handles, SignInAddress: signIns, SignUpAddress: signUps,
		Announce: a.core.node.revoke, Revocations: a.core.engine.revocations,
		Registerer: a.registry, Logger: a.log, Now: a.options.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("building the accounts: %w", err)
	}
	return s, nil
}

// parts are what runs, in the order of the start. They stop in reverse: the doors first, then the log once nobody can send any
// more, then what follows it.
func (a *App) parts() []part {
	c := a.core
	parts := slices.Clone(c.engine.below)
	if a.spans != nil {
		parts = append(parts, part{name: "spans", run: a.spans.Run, patience: 3 * time.Second})
	}
	parts = append(parts, []part{
		{name: "questions", run: a.ways.Nodes.Run, patience: time.Second},
		{name: "health", run: a.health.run, patience: time.Second},
		{name: "retention", run: a.retain, patience: 2 * time.Second},
		{name: "accounts", run: c.accounts.Run, patience: 2 * time.Second},
		{name: "node", run: c.node.run, patience: time.Second},
		{name: "relations", run: c.relations.Run, patience: 2 * time.Second},
		{name: "news of relations", run: c.lists.run, patience: time.Second},
	}...)
	if a.cfg.Works() {
		parts = append(parts, part{name: "timelines", run: a.drainer.followers.run(c.engine.follow), patience: 2 * time.Second})
		parts = append(parts, part{name: "fan-out", run: a.drainer.followers.run(c.fanout.Run), patience: 2 * time.Second})
	}
	parts = append(parts, part{name: "log", run: c.messages.Run, patience: 3 * time.Second})
	if c.direct != nil {
		parts = append(parts, part{name: "direct deliveries", run: c.direct.Run, patience: time.Second})
	}
	local := newLocalServer(a.localHandler(), a.log)
	parts = append(parts, part{
		name: "operator", patience: 2 * time.Second,
		run: func(ctx context.Context) error { return serve(ctx, local, a.local) },
	})
	if a.options.Offline {
		return parts
	}
	parts = append(parts, part{name: "limits", run: c.sharing.Run, patience: time.Second})
	parts = append(parts, part{name: "typing", run: c.typing.Run, patience: time.Second}, part{name: "presence", run: c.presence.Run, patience: time.Second},
		part{name: "receipts", run: c.receipts.Run, patience: 2 * time.Second})
	parts = append(parts, part{name: "pressure", run: c.pressure.Run, patience: time.Second})
	parts = append(parts, part{name: "announcer", run: a.announcer.run, patience: time.Second})
	if c.engine.meets != nil {
		lone := newCutOff(c.engine.ready, c.engine.meets, a.announcer.others, a.cfg.MySQL.Timeout, a.drainer)
		parts = append(parts, part{name: "cut-off", run: lone.run, patience: time.Second})
	}
	parts = append(parts, part{name: "gateway", run: c.gateway.Run, drain: a.drainer.last, patience: a.cfg.Server.DrainTimeout})
	if a.ops != nil {
		ops := newLocalServer(opsHandler(a.registry, a.health), a.log)
		parts = append(parts, part{
			name: "metrics", patience: time.Second,
			run: func(ctx context.Context) error { return serve(ctx, ops, a.ops) },
		})
	}
	if !a.serves() {
		return parts
	}
	if a.certificates != nil {
		parts = append(parts, part{name: "certificates", run: a.certificates.Run, patience: time.Second})
	}
	door := newHTTPServer(a.cfg.Server, a.api, a.log)
	door.TLSConfig = a.tls
	return append(parts, part{
		name: "door", patience: 3 * time.Second,
		run:   func(ctx context.Context) error { return serve(ctx, door, a.listener) },
		drain: func(ctx context.Context) error { return shutdown(ctx, door) },
	})
}

// Run serves until ctx ends or a part fails. Then everything is stopped in order; Run returns once it is.
func (a *App) Run(ctx context.Context) error {
	r := runner{log: a.log, parts: a.parts(), limit: stopLimit}
	r.stopping = func() {
		a.health.set("start", "the server is stopping")
		a.drainer.stop()
	}
	return r.run(ctx, func() {
		if !a.options.Offline {
			a.announcer.say()
		}
		a.health.set("start", "")
		close(a.ready)
	})
}
