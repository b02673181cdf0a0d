package lru_test

import (
	"container/list"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"github.com/throng-im/throng/internal/lru"
)

// The cache does what a list of all entries in the order of their use does.
func TestLikeAList(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 2, 7, 100} {
		t.Run(strconv.Itoa(most), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, uint64(most)))
			c := lru.New[string, int](most)
			type thing struct {
				key   string
				value int
			}
			order := list.New()
			where := func(key string) *list.Element {
				for e := order.Front(); e != nil; e = e.Next() {
					if x, ok := e.Value.(thing); ok && x.key == key {
						return e
					}
				}
				return nil
			}
			for i := range 20_000 {
				key := strconv.Itoa(rng.IntN(2*most + 1))
				e := where(key)
				switch n := rng.IntN(1_000); {
				case n == 0:
					c.Clear()
					order.Init()
				case n < 100:
					c.Delete(key)
					if e != nil {
						order.Remove(e)
					}
				case n < 500:
					c.Put(key, i)
					if e != nil {
						order.Remove(e)
					} else if order.Len() == most {
						order.Remove(order.Back())
					}
					order.PushFront(thing{key, i})
				default:
					got, ok := c.Get(key)
					if ok != (e != nil) {
						t.Fatalf("step %d: %s is there: %v", i, key, ok)
					}
					if e == nil {
						continue
					}
					if x, _ := e.Value.(thing); got != x.value {
						t.Fatalf("step %d: %s is %d, want %d", i, key, got, x.value)
					}
					order.MoveToFront(e)
				}
				if c.Len() != order.Len() {
					t.Fatalf("step %d: %d things, want %d", i, c.Len(), order.Len())
				}
			}
		})
	}
}

// What is forgotten is not kept alive.
func TestForgottenIsFree(t *testing.T) {
	t.Parallel()
	c := lru.New[int, *[1 << 20]byte](4)
	c.Put(1, new([1 << 20]byte))
	gone := make(chan struct{})
	func() {
		p, _ := c.Get(1)
		runtime.AddCleanup(p, func(int) { close(gone) }, 0)
	}()
	c.Delete(1)
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			runtime.KeepAlive(c)
			return
		default:
		}
	}
	runtime.KeepAlive(c)
	t.Error("a deleted value is still held")
}

func BenchmarkGet(b *testing.B) {
	c := lru.New[[32]byte, [11]uint64](100_000)
	var key [32]byte
	for i := range 100_000 {
		key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
		c.Put(key, [11]uint64{})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 7_919) % 100_000 {
		key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
		if _, ok := c.Get(key); !ok {
			b.Fatal("missing")
		}
	}
}
