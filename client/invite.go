package client

import (
	"net/url"
	"strings"
)

// linkPath and tokenLength are of docs/spec/invite.md.
const (
	linkPath    = "/join"
	tokenLength = 32
)

// LinkURL is the URL of an invite link at the server with an address, for people and for QR codes.
func LinkURL(server, token string) string {
	return strings.TrimSuffix(server, "/") + linkPath + "#" + token
}

// ParseLink reads an invite link as people paste it, or as a QR code has it: its URL, or the token alone. server is the address of the server
// that it is of; empty where that is not said. ok is false for what is no link.
func ParseLink(text string) (server, token string, ok bool) {
	text = strings.TrimSpace(text)
	if isToken(text) {
		return "", text, true
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || !isToken(u.Fragment) {
		return "", "", false
	}
	base, found := strings.CutSuffix(u.Path, linkPath)
	if !found {
		return "", "", false
	}
	return u.Scheme + "://" + u.Host + base, u.Fragment, true
}

// isToken reports whether a text looks like a token: base64url without padding.
func isToken(s string) bool {
	return len(s) == tokenLength && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
