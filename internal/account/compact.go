package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// knownHeaders is how many headers are remembered; a company has one for each key that it signs with.
const knownHeaders = 64

// headers remembers what headers of tokens say: all tokens that one key has signed begin with the same words. Only those of HS256 are kept,
// and only of tokens whose signature was good, so that nobody but who may sign fills it.
type headers struct {
	// guarded by mu
	mu   sync.RWMutex
	seen map[string]parsedToken // by the header as it was written
}

// parse is [parseToken], for less where the header is known.
func (h *headers) parse(text string) (parsedToken, error) {
	header, rest, _ := strings.Cut(text, ".")
	h.mu.RLock()
	p, known := h.seen[header]
	h.mu.RUnlock()
	if payload, signature, ok := strings.Cut(rest, "."); known && ok && !strings.ContainsFunc(rest, notCompact) {
		p.signed, p.payload, p.signature = text[:len(text)-len(signature)-1], payload, signature
		return p, nil
	}
	return parseToken(text)
}

// learn remembers the header of a token whose signature was good.
func (h *headers) learn(text string, p parsedToken) {
	if p.algorithm != jose.HS256 || p.token == nil {
		return
	}
	header, _, _ := strings.Cut(text, ".")
	p.token = nil
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil || len(h.seen) >= knownHeaders {
		h.seen = make(map[string]parsedToken)
	}
	h.seen[strings.Clone(header)] = p
}

// errSignature says that a signature is not that of a key.
var errSignature = errors.New("wrong signature")

// hmacBytes is the least length of a key for HS256, and the length of its signatures.
const hmacBytes = sha256.Size

// claims checks the signature with a key, which for HS256 is a []byte, and reads the claims.
func (p *parsedToken) claims(key, into any) error {
	if p.token != nil {
		return p.token.Claims(key, into) //nolint:wrapcheck // the caller says of which token
	}
	secret, ok := key.([]byte)
	if !ok || len(secret) < hmacBytes {
		return errSignature
	}
	has, err := base64.RawURLEncoding.DecodeString(p.signature)
	if err != nil {
		return errSignature
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(p.signed))
	var sum [hmacBytes]byte
	if !hmac.Equal(has, mac.Sum(sum[:0])) {
		return errSignature
	}
	said, err := base64.RawURLEncoding.DecodeString(p.payload)
	if err != nil {
		return err //nolint:wrapcheck // the caller says of which token
	}
	return json.Unmarshal(said, into) //nolint:wrapcheck // the caller says of which token
}
