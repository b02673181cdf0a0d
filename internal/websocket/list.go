package websocket

import (
	"net/http"
	"strings"
)

// HasToken reports whether a header lists a word, whatever its case.
func HasToken(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(token, " \t"), word) {
				return true
			}
		}
	}
	return false
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func tokenByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	default:
		return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	}
}

// offer is one extension of Sec-WebSocket-Extensions with its parameters, in order.
type offer struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool // name=value
}

// offers parses Sec-WebSocket-Extensions (RFC 6455 section 9.1); ok is false where it breaks the grammar.
func offers(lines []string) (list []offer, ok bool) {
	for _, line := range lines {
		p := scanner{rest: line}
		for {
			o := offer{name: p.token()}
			for p.next(';') {
				x := param{name: p.token()}
				if p.next('=') {
					x.valued, x.value = true, p.value()
				}
				o.params = append(o.params, x)
			}
			list = append(list, o)
			if !p.next(',') {
				break
			}
		}
		if p.bad || p.rest != "" {
			return nil, false
		}
	}
	return list, true
}

// scanner reads a header value from left to right.
type scanner struct {
	rest string
	bad  bool
}

func (p *scanner) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

// next takes a delimiter, if it is the next thing.
func (p *scanner) next(c byte) bool {
	if p.space(); p.bad || p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// token takes a token, which must be there.
func (p *scanner) token() string {
	p.space()
	n := 0
	for n < len(p.rest) && tokenByte(p.rest[n]) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	p.bad = p.bad || n == 0
	p.space()
	return token
}

// value takes a token, or a quoted string that holds one: section 9.1 allows no other.
func (p *scanner) value() string {
	if p.space(); p.rest == "" || p.rest[0] != '"' {
		return p.token()
	}
	text, rest, closed := strings.Cut(p.rest[1:], `"`)
	text = strings.ReplaceAll(text, `\`, "")
	p.rest, p.bad = rest, p.bad || !closed || !isToken(text)
	p.space()
	return text
}
