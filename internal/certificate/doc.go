// Package certificate gives the process certificates of its own, where TLS ends in it: from files that somebody renews, or
// automatically from an authority that speaks ACME.
//
//	Files       read again when they change: a renewal needs no restart
//	Automatic   asked for when the server runs, kept in a folder, renewed in time (certmagic); the authority calls back on the
//	            port itself (TLS-ALPN-01), so nothing else has to be open
//
// It imports nothing of ours.
package certificate
