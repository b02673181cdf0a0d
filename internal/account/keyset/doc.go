// Package keyset holds the public keys with which a company signs tokens for its own users: a [Set] reads them from a file, or fetches
// them from a URL, again now and then and when a token names a key that is not known. Each key is for one algorithm, RS256, ES256
// or EdDSA, so that none passes as another's, or as a shared secret.
//
// It imports nothing of ours.
package keyset
