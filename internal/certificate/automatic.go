package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Options of automatic certificates.
type Options struct {
	// Domains to have certificates for.
	Domains []string
	// Email that the authority may write to; may be empty.
	Email string
	// Directory is the authority's address; empty is Let's Encrypt's.
	Directory string
	// Folder where certificates, keys and the account with the authority are kept.
	Folder string
	// Port that the server listens on, where the authority's calls arrive (as port 443 of the domains).
	Port int
	// Roots that the authority's own certificate is held against; nil is the system's.
	Roots *x509.CertPool
	// Patience is how long one try may take; 0 leaves it.
	Patience time.Duration
	Logger   *slog.Logger
}

// Automatic are certificates that are asked for and renewed by themselves. Its methods may be called from any goroutine.
type Automatic struct {
	// immutable after construction
	domains []string
	cache   *certmagic.Cache
	config  *certmagic.Config
}

// NewAutomatic makes them; nothing is asked for before Run. Close stops what it starts.
func NewAutomatic(o Options) *Automatic {
	a := &Automatic{domains: o.Domains}
	quiet := zap.NewNop() // what matters comes as events
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		Logger:           quiet,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: o.Folder}, Logger: quiet,
		OnEvent: func(_ context.Context, event string, data map[string]any) error {
			tell(o.Logger, event, data)
			return nil
		},
	})
	directory := o.Directory
	if directory == "" {
		directory = certmagic.LetsEncryptProductionCA
	}
	a.config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(a.config, certmagic.ACMEIssuer{
		CA: directory, TestCA: directory, Email: o.Email, Agreed: true, DisableHTTPChallenge: true, AltTLSALPNPort: o.Port,
		TrustedRoots: o.Roots, CertObtainTimeout: o.Patience, Logger: quiet,
	})}
	return a
}

// tell logs what an operator should know.
func tell(log *slog.Logger, event string, data map[string]any) {
	switch event {
	case "cert_obtained":
		log.Info("a certificate was obtained", "domain", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		log.Warn("a certificate could not be obtained; it is tried again", "domain", data["identifier"], "error", data["error"])
	}
}

// Config returns what a listener needs.
func (a *Automatic) Config() *tls.Config {
	c := a.config.TLSConfig()
	c.MinVersion = tls.VersionTLS12
	return c
}

// Run obtains and renews certificates until ctx ends.
func (a *Automatic) Run(ctx context.Context) error {
	if err := a.config.ManageAsync(ctx, a.domains); err != nil {
		return fmt.Errorf("obtaining certificates: %w", err)
	}
	<-ctx.Done()
	return nil
}

// Close stops the renewal.
func (a *Automatic) Close() error {
	a.cache.Stop()
	return nil
}
