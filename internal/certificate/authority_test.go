package certificate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority is a certificate authority that speaks ACME (RFC 8555) and calls back by TLS-ALPN-01 (RFC 8737), with one order at a time. It
// does not check who signs the requests: that is between a client and a real one.
type authority struct {
	*httptest.Server
	t      *testing.T
	server string // where the domains' server is
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate

	mu     sync.Mutex
	print  string // of the account's key
	domain string
	valid  bool
	issued []byte
	orders int
}

const (
	challengeToken = "a-token-of-the-authority"
	acmeALPN       = "acme-tls/1"
)

func newAuthority(t *testing.T, server string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, server: server, key: key}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewTLSServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *authority) roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Certificate())
	return p
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", fmt.Sprint("nonce-", time.Now().UnixNano()))
	payload := a.open(r)
	switch r.URL.Path {
	case "/directory":
		say(w, http.StatusOK, map[string]any{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/new-order"})
	case "/nonce":
	case "/account":
		w.Header().Set("Location", a.URL+"/account/1")
		say(w, http.StatusCreated, map[string]any{"status": "valid"})
	case "/new-order":
		var order struct{ Identifiers []struct{ Value string } }
		if json.Unmarshal(payload, &order) != nil || len(order.Identifiers) != 1 {
			http.Error(w, "an order is for one domain", http.StatusBadRequest)
			return
		}
		a.domain, a.valid, a.issued = order.Identifiers[0].Value, false, nil
		a.orders++
		w.Header().Set("Location", a.URL+"/order")
		say(w, http.StatusCreated, a.order())
	case "/order":
		say(w, http.StatusOK, a.order())
	case "/authorization":
		say(w, http.StatusOK, map[string]any{
			"status": a.status(), "identifier": map[string]any{"type": "dns", "value": a.domain}, "challenges": []any{a.challenge()},
		})
	case "/challenge":
		if err := a.call(r.Context()); err != nil {
			a.t.Errorf("calling back: %v", err)
		} else {
			a.valid = true
		}
		say(w, http.StatusOK, a.challenge())
	case "/finalize":
		a.issue(payload)
		say(w, http.StatusOK, a.order())
	case "/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		for _, der := range [][]byte{a.issued, a.cert.Raw} {
			_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
	default:
		http.NotFound(w, r)
	}
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *authority) status() string {
	if a.valid {
		return "valid"
	}
	return "pending"
}

func (a *authority) challenge() map[string]any {
	return map[string]any{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": challengeToken, "status": a.status()}
}

func (a *authority) order() map[string]any {
	o := map[string]any{
		"status": "pending", "identifiers": []any{map[string]any{"type": "dns", "value": a.domain}},
		"authorizations": []string{a.URL + "/authorization"}, "finalize": a.URL + "/finalize",
	}
	switch {
	case a.issued != nil:
		o["status"], o["certificate"] = "valid", a.URL+"/certificate"
	case a.valid:
		o["status"] = "ready"
	}
	return o
}

// open takes a request's payload out, and the account's key where it is told.
func (a *authority) open(r *http.Request) []byte {
	var jws struct{ Protected, Payload string }
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&jws) != nil {
		return nil
	}
	var protected struct {
		JWK *struct{ Crv, Kty, X, Y string }
	}
	head, _ := base64.RawURLEncoding.DecodeString(jws.Protected)
	if json.Unmarshal(head, &protected) == nil && protected.JWK != nil {
		k := protected.JWK
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Crv, k.Kty, k.X, k.Y)) // RFC 7638
		a.print = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	return payload
}

// call asks the server for the proof that it is the domain's.
func (a *authority) call(ctx context.Context) error {
	d := &tls.Dialer{Config: &tls.Config{ServerName: a.domain, NextProtos: []string{acmeALPN}, InsecureSkipVerify: true}}
	c, err := d.DialContext(ctx, "tcp", a.server)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	state := c.(*tls.Conn).ConnectionState() //nolint:errcheck // the dialer makes no other
	want := sha256.Sum256([]byte(challengeToken + "." + a.print))
	for _, e := range state.PeerCertificates[0].Extensions {
		var got []byte
		if _, err := asn1.Unmarshal(e.Value, &got); e.Id.String() == "1.3.6.1.5.5.7.1.31" && err == nil && string(got) == string(want[:]) {
			if state.NegotiatedProtocol != acmeALPN {
				return fmt.Errorf("it speaks %q", state.NegotiatedProtocol)
			}
			return nil
		}
	}
	return fmt.Errorf("no proof for %s", a.domain)
}

func (a *authority) issue(payload []byte) {
	var req struct{ CSR string }
	if err := json.Unmarshal(payload, &req); err != nil {
		a.t.Error(err)
		return
	}
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(req.CSR, "="))
	csr, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		a.t.Error(err)
		return
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(a.orders) + 1), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if a.issued, err = x509.CreateCertificate(rand.Reader, template, a.cert, csr.PublicKey, a.key); err != nil {
		a.t.Error(err)
	}
}
