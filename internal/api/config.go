package api

import (
	"errors"
	"time"
)

// Config is how the API bounds its callers.
type Config struct {
	// MaxRequestBytes bounds the body of a request, before and after decompression.
	MaxRequestBytes int
	// MaxHeaderBytes bounds the header of a request, its first line included.
	MaxHeaderBytes int
	// MaxHeaders is how many header lines a request may have.
	MaxHeaders int
	// RequestTimeout is how long a request may take, its body included.
	RequestTimeout time.Duration
	// ExportTimeout is how long the export of one person's data may take.
	ExportTimeout time.Duration
}

// Default fits most.
func Default() Config {
	return Config{
		MaxRequestBytes: 2 << 20,
		MaxHeaderBytes:  16 << 10,
		MaxHeaders:      100,
		RequestTimeout:  30 * time.Second,
		ExportTimeout:   time.Hour,
	}
}

// minRequestBytes lets a text of the largest size through: JSON may write each of its bytes as six.
const minRequestBytes = 1 << 20

// Validate reports the first setting that cannot work.
func (c Config) Validate() error {
	switch {
	case c.MaxRequestBytes < minRequestBytes || c.MaxRequestBytes > 64<<20:
		return errors.New("max_request_bytes must be from 1MiB to 64MiB; 2MiB fits most")
	case c.MaxHeaderBytes < 4<<10 || c.MaxHeaderBytes > 1<<20:
		return errors.New("max_header_bytes must be from 4KiB to 1MiB; 16KiB fits most")
	case c.MaxHeaders < 20 || c.MaxHeaders > 1000:
		return errors.New("max_headers must be from 20 to 1000; 100 fits most")
	case c.RequestTimeout < time.Second || c.RequestTimeout > time.Hour:
		return errors.New("request_timeout must be from 1s to 1h; 30s fits most")
	case c.ExportTimeout < c.RequestTimeout:
		return errors.New("export_timeout must be at least request_timeout; 1h fits most")
	}
	return nil
}
