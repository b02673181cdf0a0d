package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/throng-im/throng/test/wsconform"
)

func main() {
	t := &wsconform.Target{Echo: true}
	flag.StringVar(&t.Path, "path", "/", "path of the echo")
	flag.IntVar(&t.Limit, "limit", 0, "the most bytes of a message that it takes; 0: it has no limit")
	flag.BoolVar(&t.TLS, "tls", false, "speak TLS, without looking at the certificate")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: ask [flags] HOST:PORT")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	t.Address = flag.Arg(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	list := wsconform.Run(ctx, t)
	stop()
	out := bufio.NewWriter(os.Stdout)
	wsconform.Report(out, list)
	if err := out.Flush(); err != nil || slices.ContainsFunc(list, func(p wsconform.Played) bool { return p.Rating == wsconform.Failed }) {
		os.Exit(1)
	}
}
