package gather_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
)

// Those who come while questions are under way share the next ones, which begin after they came.
func TestThoseWhoWaitAreOneQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var questions [][]int
		gate := make(chan struct{})
		g := gather.NewMany(2, 128, func(_ context.Context, keys []int) ([]gather.Found[int], error) {
			questions = append(questions, keys) // one after the other, by synctest.Wait
			<-gate
			out := make([]gather.Found[int], len(keys))
			for i, k := range keys {
				if out[i].Value = 2 * k; k == 7 {
					out[i] = gather.Found[int]{Err: errors.New("seven")}
				}
			}
			return out, nil
		})
		call := func(k int) {
			go func() {
				v, err := g.Get(t.Context(), k)
				if k == 7 {
					assert.True(t, "its own error", err != nil && err.Error() == "seven" && v == 0)
					return
				}
				assert.NoError(t, "get", err)
				assert.Equal(t, "its own answer", v, 2*k)
			}()
			synctest.Wait()
		}
		for k := range 200 {
			call(k)
		}
		assert.Equal(t, "under way at once", len(questions), 2)
		gate <- struct{}{}
		synctest.Wait()
		gate <- struct{}{}
		synctest.Wait()
		assert.Equal(t, "questions", len(questions), 4)
		close(gate)
		synctest.Wait()
		asked := 0
		for _, q := range questions {
			asked += len(q)
		}
		assert.Equal(t, "keys asked for", asked, 200)
		assert.Equal(t, "all of the first ones", [2]int{len(questions[0]), len(questions[1])}, [2]int{1, 1})
		assert.Equal(t, "those who came meanwhile", [2]int{len(questions[2]), len(questions[3])}, [2]int{128, 70})
	})
}

// After a question of many the next one waits for as many as it may have, for a moment at most; once few come they are asked for at once.
func TestQuestionsOfAStormWaitForMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, crowd, slow, pause = 256, 16, 10 * time.Millisecond, 25 * time.Millisecond
		var questions []int // how many keys each has
		g := gather.NewMany(2, most, func(_ context.Context, keys []int) ([]gather.Found[int], error) {
			questions = append(questions, len(keys)) // one after the other, by synctest.Wait
			<-time.After(slow)
			return make([]gather.Found[int], len(keys)), nil
		}).Pausing(crowd, pause)
		var all sync.WaitGroup
		key := 0
		come := func(n int) {
			for range n {
				key++
				k := key
				all.Go(func() {
					_, err := g.Get(t.Context(), k)
					assert.NoError(t, "get", err)
				})
			}
			synctest.Wait()
		}
		come(1)
		come(1)
		come(crowd)
		<-time.After(slow)
		synctest.Wait()
		assert.Equal(t, "all who came meanwhile", questions, []int{1, 1, crowd})
		come(most - 1)
		assert.Equal(t, "the next ones wait for one more", len(questions), 3)
		come(1)
		assert.Equal(t, "which is there before the time is over", questions[3:], []int{most})
		come(3)
		begun := time.Now()
		all.Wait()
		assert.Equal(t, "few wait for a moment", time.Since(begun), pause+slow)
		assert.Equal(t, "together", questions[4:], []int{3})
		begun = time.Now()
		come(1)
		all.Wait()
		assert.Equal(t, "and are asked for at once after that", time.Since(begun), slow)

		// Who gives up while a question waits is not asked for, and leaves it to those who come.
		come(1)
		come(1)
		come(crowd)
		<-time.After(slow)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			_, err := g.Get(ctx, -1)
			assert.Equal(t, "who gives up", chat.AsError(err).Code, chat.CodeCanceled)
		})
		synctest.Wait()
		cancel()
		all.Wait()
		come(1)
		all.Wait()
		assert.Equal(t, "questions", questions[6:], []int{1, 1, crowd, 1})
	})
}

// The error of a question is that of all who asked; where a row cannot be read, the others can.
func TestQuestionsThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		g := gather.NewMany(2, 128, func(_ context.Context, keys []int) ([]gather.Found[int], error) {
			<-gate
			out := make([]gather.Found[int], len(keys))
			for i, k := range keys {
				switch k {
				case 13:
					return nil, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "damaged")
				case 14:
					return nil, chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "away")
				}
				out[i].Value = k
			}
			return out, nil
		})
		var mu sync.Mutex
		codes := map[chat.Code]int{}
		call := func(k int) {
			go func() {
				_, err := g.Get(t.Context(), k)
				code := chat.Code(0)
				if err != nil {
					code = chat.AsError(err).Code
				}
				mu.Lock()
				defer mu.Unlock()
				codes[code]++
			}()
			synctest.Wait()
		}
		for k := range 14 {
			call(k)
		}
		for range 2 + 1 + 12 { // two alone, those who came meanwhile, and each of these by itself
			gate <- struct{}{}
			synctest.Wait()
		}
		assert.Equal(t, "all but the damaged one", codes, map[chat.Code]int{0: 13, chat.CodeInternal: 1})
		for range 4 {
			call(14)
		}
		for range 3 {
			gate <- struct{}{}
			synctest.Wait()
		}
		assert.Equal(t, "away for all", codes[chat.CodeUnavailable], 4)
	})
}

// Nobody is asked for who has given up, and who has not is told so, where a question's time is
// over before its own.
func TestThoseWhoGaveUpAreNotAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []int
		open := make(chan struct{})
		g := gather.NewMany(2, 128, func(ctx context.Context, keys []int) ([]gather.Found[int], error) {
			asked = append(asked, keys...) // one after the other, by synctest.Wait
			select {
			case <-open:
				return make([]gather.Found[int], len(keys)), nil
			case <-ctx.Done():
				return nil, chat.Wrap(ctx.Err(), chat.CodeCanceled, chat.ReasonCanceled, "as the store says it")
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		codes := map[chat.Code]int{}
		var mu sync.Mutex
		call := func(ctx context.Context, k int) {
			go func() {
				_, err := g.Get(ctx, k)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					codes[0]++
					return
				}
				codes[chat.AsError(err).Code]++
			}()
			synctest.Wait()
		}
		told := func() map[chat.Code]int {
			mu.Lock()
			defer mu.Unlock()
			return maps.Clone(codes)
		}
		call(t.Context(), 1)
		call(t.Context(), 2)
		for k := range 300 {
			call(ctx, 100+k)
		}
		call(t.Context(), 3)
		cancel()
		synctest.Wait()
		assert.Equal(t, "who gave up", told(), map[chat.Code]int{chat.CodeCanceled: 300})
		<-time.After(time.Minute) // of the test's own time
		synctest.Wait()
		assert.Equal(t, "keys asked for", asked, []int{1, 2, 3})
		assert.Equal(t, "who waited", told(), map[chat.Code]int{chat.CodeCanceled: 300, chat.CodeUnavailable: 3})
		close(open)
		call(t.Context(), 4)
		assert.Equal(t, "later", told()[0], 1)
	})
}

// Callers with equal keys are one key of a question that begins after they came.
func TestEqualKeysAreAskedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		version := 0
		var questions [][]int
		m := gather.NewMany(1, 10, func(_ context.Context, keys []int) ([]gather.Found[int], error) {
			questions = append(questions, keys)
			out := make([]gather.Found[int], len(keys))
			for i := range out {
				out[i].Value = version // as of the question's beginning
			}
			<-gate
			return out, nil
		})
		var all sync.WaitGroup
		call := func(key, want int) {
			all.Go(func() {
				v, err := m.Get(t.Context(), key)
				assert.NoError(t, "get", err)
				assert.Equal(t, "as of when it was asked", v, want)
			})
			synctest.Wait()
		}
		call(7, 0)
		version = 1
		for range 100 {
			call(7, 1)
			call(8, 1)
		}
		close(gate)
		all.Wait()
		assert.Equal(t, "questions", questions, [][]int{{7}, {7, 8}})
	})
}

// Who gives up does so at once, and the question goes on for the others.
func TestGivingUpOnAQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		m := gather.NewMany(1, 10, func(ctx context.Context, keys []int) ([]gather.Found[int], error) {
			<-gate
			return make([]gather.Found[int], len(keys)), ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		gave, stays := make(chan error, 1), make(chan error, 1)
		go func() { _, err := m.Get(ctx, 1); gave <- err }() // it leads
		synctest.Wait()
		go func() { _, err := m.Get(t.Context(), 2); stays <- err }()
		synctest.Wait()
		cancel()
		assert.Equal(t, "who gave up", chat.AsError(<-gave).Code, chat.CodeCanceled)
		close(gate)
		assert.NoError(t, "who stays", <-stays)
	})
}
