package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/account/keyset"
	"github.com/throng-im/throng/internal/chat"
)

// Throttle slows down who tries too often. It is called from any goroutine and does not block.
type Throttle interface {
	// Take returns 0 where n more attempts are allowed, else how long to wait.
	Take(key string, n int) time.Duration
	// Give takes attempts back that turned out well.
	Give(key string, n int)
}

// Deps are what a Service works with. The three ports are needed, everything else has a default.
type Deps struct {
	Users       Users
	Devices     Devices
	Invitations Invitations
	// SignInHandle, SignInAddress and SignUpAddress are keyed by what their names say; nil does not limit.
	SignInHandle  Throttle
	SignInAddress Throttle
	SignUpAddress Throttle
	Registerer    prometheus.Registerer
	Logger        *slog.Logger
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
	// Rand is where secrets come from; nil is crypto/rand.
	Rand io.Reader
	// HTTP fetches a company's keys; nil is a client that follows no redirects.
	HTTP *http.Client
	// Announce tells other nodes of a revocation that this one caused, so that they hear of it at once ([Service.Forget]); it must
	// not block. Nil where there are none.
	Announce func(Revocation)
	// Revocations tells what any node revoked, also where an announcement was lost; nil where there is one node alone.
	Revocations Revocations
}

// Service is everything about people. All methods may be called from any goroutine; those with a context may wait for
// the disk, and those that take a password for a core.
type Service struct {
	// immutable after construction
	cfg        Config
	deps       Deps
	log        *slog.Logger
	now        func() time.Time
	hasher     *hasher
	shared     gate // before the hasher, for secrets that people share
	issuer     *issuer
	company    *company
	serverKeys []Hash
	metrics    *metrics
	uses       *useBook
	headers    headers
	tokens     *cache[Hash, verified]
	users      *cache[chat.UserID, userState]
	devices    *cache[chat.DeviceID, deviceState]
	externals  *cache[string, chat.UserID]
	labels     *cache[deviceLabel, chat.DeviceID]
	unspent    seldom // warnings of refresh tokens that could not be spent

	// guarded by mu
	mu       sync.Mutex
	onRevoke []func(Revocation)
}

// New makes a service. [Service.Run] has to run for keys to be refreshed and uses of devices to be written.
func New(cfg Config, d Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d.defaults()
	issuer, err := newIssuer(cfg.Issuer, cfg.SigningSecrets)
	if err != nil {
		return nil, err
	}
	hasher, err := newHasher(cfg.hashers(), cfg.HashQueue, d.Rand)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg:       cfg,
		deps:      d,
		log:       d.Logger,
		now:       d.Now,
		hasher:    hasher,
		shared:    gate{slots: make(chan struct{}, max(cfg.hashers()/2, 1)), queue: int64(cfg.HashQueue)},
		issuer:    issuer,
		uses:      newUseBook(cfg.CacheSize),
		tokens:    newCache[Hash, verified](cfg.CacheSize),
		users:     newCache[chat.UserID, userState](cfg.CacheSize),
		devices:   newCache[chat.DeviceID, deviceState](cfg.CacheSize),
		externals: newCache[string, chat.UserID](cfg.CacheSize),
		labels:    newCache[deviceLabel, chat.DeviceID](cfg.CacheSize),
	}
	for _, k := range cfg.ServerKeys {
		s.serverKeys = append(s.serverKeys, sha256.Sum256([]byte(k.Reveal())))
	}
	if s.company, err = s.newCompany(); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(d.Registerer, hasher)
	return s, nil
}

func (d *Deps) defaults() {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Rand == nil {
		d.Rand = rand.Reader
	}
	for _, t := range []*Throttle{&d.SignInHandle, &d.SignInAddress, &d.SignUpAddress} {
		if *t == nil {
			*t = noThrottle{}
		}
	}
}

func (s *Service) newCompany() (*company, error) {
	c := s.cfg.Company
	if c.JWKSFile == "" && c.JWKSURL == "" {
		return newCompany(c, nil), nil
	}
	keys := keyset.New(keyset.Config{
		File: c.JWKSFile, URL: c.JWKSURL, MaxAge: c.JWKSMaxAge,
		Client: s.deps.HTTP, Now: s.now, Log: s.log, Changed: s.tokens.clear,
	})
	if err := keys.Read(context.Background()); err != nil {
		return nil, fmt.Errorf("reading a company's keys: %w", err)
	}
	return newCompany(c, keys), nil
}

type noThrottle struct{}

func (noThrottle) Take(string, int) time.Duration { return 0 }
func (noThrottle) Give(string, int)               {}

const (
	pruneInterval = time.Hour
	useInterval   = 30 * time.Second
	lastUses      = time.Second // for writing what is known of uses at the end; the process is about to
)

// Run refreshes keys, writes uses of devices, drops old invitations and hears of other nodes' revocations until ctx ends. It returns nil.
func (s *Service) Run(ctx context.Context) error {
	var listening sync.WaitGroup
	defer listening.Wait()
	if s.deps.Revocations != nil {
		listening.Go(func() { s.deps.Revocations.Follow(ctx, func(r Revocation) { s.Forget(ctx, r) }) })
	}
	uses := time.NewTicker(useInterval)
	defer uses.Stop()
	prune := time.NewTicker(pruneInterval)
	defer prune.Stop()
	var refresh <-chan time.Time
	if s.company.keys != nil {
		t := time.NewTicker(s.cfg.Company.JWKSRefresh)
		defer t.Stop()
		refresh = t.C
		s.company.keys.Refresh(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			// The last uses are written although ctx has ended: the store outlives this component.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastUses)
			defer cancel()
			s.writeUses(last)
			return nil
		case <-uses.C:
			s.writeUses(ctx)
		case <-refresh:
			s.company.keys.Refresh(ctx)
		case <-prune.C:
			if err := s.deps.Invitations.Prune(ctx, s.nowMS()); err != nil && ctx.Err() == nil {
				s.log.Warn("old invitations could not be dropped", "error", err)
			}
		}
	}
}

func (s *Service) nowMS() uint64 { return uint64(max(0, s.now().UnixMilli())) }

// isServerKey compares hashes, all of them, so that the time tells nothing.
func (s *Service) isServerKey(token Hash) bool {
	found := 0
	for _, k := range s.serverKeys {
		found |= subtle.ConstantTimeCompare(k[:], token[:])
	}
	return found == 1
}

// account returns one that is there and not deleted.
func (s *Service) account(ctx context.Context, id chat.UserID) (Account, error) {
	found, err := s.deps.Users.Accounts(ctx, []chat.UserID{id})
	if err != nil {
		return Account{}, fmt.Errorf("reading an account: %w", err)
	}
	if len(found) != 1 || found[0].ID == 0 || found[0].Deleted {
		return Account{}, ErrUserNotFound()
	}
	return found[0], nil
}

// notFound reports whether an error says that the user or the device is not there.
func notFound(err error) bool {
	return errors.Is(err, ErrUserNotFound()) || errors.Is(err, ErrDeviceNotFound())
}
