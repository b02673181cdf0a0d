package app_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
)

// What others can take over ends while the gate is shut, and begins again when it opens.
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shut, run := app.Gate()
		runs, running := 0, 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, func(ctx context.Context) error {
				runs, running = runs+1, running+1
				<-ctx.Done()
				running--
				return nil
			})
		}()
		for _, step := range []struct {
			shut          bool
			runs, running int
		}{{false, 1, 1}, {true, 1, 0}, {true, 1, 0}, {false, 2, 1}, {true, 2, 0}} {
			shut(step.shut)
			synctest.Wait()
			assert.Equal(t, "runs, and running", [2]int{runs, running}, [2]int{step.runs, step.running})
		}
		cancel()
		assert.NoError(t, "the end", <-ended)
		shut(false)
		broken := errors.New("broken")
		assert.Equal(t, "what a part ends with", run(t.Context(), func(context.Context) error { return broken }), broken)
	})
}
