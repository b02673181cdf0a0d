package text

import "math/rand/v2"

// Prose is made-up writing to cut texts from. Real chats neither repeat one sentence nor are noise: the words come from a
// vocabulary, some far more often than others, so that what a storage engine's compression gains is about what it gains
// from people.
type Prose []byte

const (
	proseBytes = 2 << 20 // more than the longest text
	vocabulary = 4_000
	// Seed is what the writing comes from: the same in every run.
	Seed = 1
)

// NewProse makes the same writing every time.
func NewProse() Prose {
	rng := rand.New(rand.NewPCG(Seed, Seed)) //nolint:gosec // repeatable on purpose
	words := make([][]byte, vocabulary)
	for i := range words {
		n := 2 + rng.IntN(8)
		words[i] = make([]byte, n+1)
		for k := range n {
			words[i][k] = byte('a' + rng.IntN(26))
		}
		words[i][n] = ' '
	}
	often := rand.NewZipf(rng, 1.1, 8, vocabulary-1)
	p := make(Prose, 0, proseBytes+16)
	for len(p) < proseBytes {
		p = append(p, words[often.Uint64()]...)
	}
	return p[:proseBytes]
}

// Cut returns n bytes of the writing; every k has a place of its own. They are shared: copy them.
func (p Prose) Cut(n int, k uint64) []byte {
	const odd = 0x9e3779b97f4a7c15 // scatters the places (Knuth, TAOCP 6.4)
	at := k * odd >> 20 % uint64(len(p)-n)
	return p[at : at+uint64(n)]
}
