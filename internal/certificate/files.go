package certificate

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how often the files are looked at: a renewed certificate is served after that long at the latest.
const recheck = time.Minute

// Files is a certificate with its key in two files. Its methods may be called from any goroutine.
type Files struct {
	// immutable after construction
	cert, key string
	log       *slog.Logger

	// guarded by mu
	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  [2]time.Time // when the files were changed
	looked time.Time
}

// OpenFiles reads a certificate (with its chain) and its key, both in PEM.
func OpenFiles(cert, key string, log *slog.Logger) (*Files, error) {
	f := &Files{cert: cert, key: key, log: log}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Config returns what a listener needs.
func (f *Files) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current(), nil }}
}

// current returns the certificate. Where the files have changed into something that cannot be read, the last good one stays.
func (f *Files) current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= recheck {
		f.looked = now
		if stamp, err := f.stamps(); err != nil || stamp != f.stamp {
			if err == nil {
				err = f.load()
			}
			if err != nil {
				f.log.Error("the certificate cannot be read anew; the last one stays in use", "error", err)
			} else {
				f.log.Info("the certificate was read anew", "file", f.cert)
			}
		}
	}
	return f.loaded
}

func (f *Files) stamps() (out [2]time.Time, err error) {
	for i, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return out, fmt.Errorf("looking at a certificate: %w", err)
		}
		out[i] = info.ModTime()
	}
	return out, nil
}

// load is called with mu held, or before anybody else knows f.
func (f *Files) load() error {
	stamp, err := f.stamps()
	if err != nil {
		return err
	}
	c, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("reading the certificate %s with the key %s: %w", f.cert, f.key, err)
	}
	f.loaded, f.stamp, f.looked = &c, stamp, time.Now()
	return nil
}
