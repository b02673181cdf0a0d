package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/wsecho/echo"
)

func main() {
	var o echo.Options
	var cert, key string
	flag.StringVar(&o.Address, "listen", "127.0.0.1:9001", "host:port")
	flag.IntVar(&o.Largest, "limit", chat.MaxFrameBytes, "the most bytes of a message")
	flag.BoolVar(&o.Streams, "streams", false, "a goroutine for each connection instead of loops")
	flag.StringVar(&cert, "cert", "", "certificate file: speak TLS, which goroutines carry")
	flag.StringVar(&key, "key", "", "its key")
	flag.Parse()
	o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o, cert, key)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "wsecho:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o echo.Options, cert, key string) error {
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("reading the certificate: %w", err)
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	e, err := echo.Listen(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "echo on", e.Address())
	return e.Run(ctx)
}
