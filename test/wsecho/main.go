package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/gateway"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9001", "address")
	largest := flag.Int("largest", 16<<20, "bytes of the largest message")
	goroutines := flag.Bool("goroutines", false, "a goroutine per connection instead of loops")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *largest, *goroutines); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string, largest int, goroutines bool) error {
	cfg := gateway.Default()
	var deps gateway.Deps
	var ln net.Listener
	if goroutines {
		var err error
		if ln, err = new(net.ListenConfig).Listen(ctx, "tcp", listen); err != nil {
			return fmt.Errorf("listening: %w", err)
		}
	} else {
		list, err := eventloop.Listen(ctx, listen, cfg.LoopCount(), eventloop.Options{SendBuffer: cfg.SendBuffer})
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		deps.Door = &gateway.Door{Listeners: list, HeadTimeout: 5 * time.Second}
	}
	srv, err := gateway.NewEcho(cfg, deps, largest)
	if err != nil {
		return fmt.Errorf("making the echo: %w", err)
	}
	if ln == nil {
		ln = srv.Strangers()
	}
	fmt.Fprintln(os.Stdout, "echoing on ws://"+ln.Addr().String())
	hs := &http.Server{Handler: srv, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- hs.Serve(ln) }() // ends with Close below
	err = srv.Run(ctx)
	_ = hs.Close()
	if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
