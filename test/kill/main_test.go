package kill_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/throng-im/throng/test/process"
)

var (
	seed    = flag.Uint64("kill.seed", 0, "draw everything from this seed; 0 takes one from the clock")
	cycles  = flag.Int("kill.cycles", 0, "how many kills there are; 0 is 100, 5,000 nightly, 20 with -short")
	tags    = flag.String("kill.tags", "", "build tags of the binary, such as one of a mutant")
	builder process.Builder
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(preloadEnv); folder != "" {
		fmt.Println(preload(context.Background(), folder))
		os.Exit(1)
	}
	flag.Parse()
	builder.Tags = *tags
	code := m.Run()
	if err := builder.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
