package wsconform

import (
	"net/http"
	"strings"
)

// shaken is a case about the handshake; the connection lives after it.
func shaken(rfc, name string, edit func(r *Request)) Case {
	return Case{Section: "handshake", Name: name, RFC: rfc, Shake: &Shake{Edit: edit}}
}

// refused is one whose handshake is not agreed to.
func refused(rfc, name string, edit func(r *Request), statuses ...int) Case {
	k := shaken(rfc, name, edit)
	k.Shake.Refuse = statuses
	return k
}

func add(lines ...string) func(*Request)    { return func(r *Request) { r.Add(lines...) } }
func drop(name string) func(*Request)       { return func(r *Request) { r.Drop(name) } }
func set(name, value string) func(*Request) { return func(r *Request) { r.Set(name, value) } }
func line(old, replaced string) func(*Request) {
	return func(r *Request) { r.Line = strings.Replace(r.Line, old, replaced, 1) }
}

// recased changes the case of header names.
func recased(f func(string) string) func(*Request) {
	return func(r *Request) {
		for i, l := range r.Lines {
			name, value, _ := strings.Cut(l, ":")
			r.Lines[i] = f(name) + ":" + value
		}
	}
}

// otherVersion wants the versions that the server speaks in its answer.
func otherVersion(k Case) Case {
	k.Shake.Check = func(a *Answer) string {
		if !lists(a.Header, "Sec-Websocket-Version", "13") {
			return "the answer does not say that version 13 is spoken"
		}
		return ""
	}
	return k
}

// maybe is a case that the server may agree to as well.
func maybe(k Case) Case {
	k.Shake.Also = true
	return k
}

func handshakes(t *Target) []Case {
	list := append(agreedHandshakes(), refusedHandshakes()...)
	if t.Origins {
		for _, origin := range []string{"https://evil.example", "null", "http://" + t.Address + ".evil.example", "file://"} {
			list = append(list, refused("6455 10.2", "origin "+origin, add("Origin: "+origin), http.StatusForbidden))
		}
		list = append(list, refused("6454 7.3", "two origins", add("Origin: http://"+t.Address, "Origin: http://"+t.Address), http.StatusForbidden))
	}
	if t.Binary != "" {
		list = append(list, subprotocols(t)...)
	}
	if t.Head > 0 {
		list = append(list, refused("6585 5", "head too long", add("Filler: "+strings.Repeat("x", t.Head)), http.StatusRequestHeaderFieldsTooLarge))
	}
	if t.Headers > 0 {
		list = append(list, refused("6585 5", "too many headers", func(r *Request) {
			for range t.Headers {
				r.Add("Filler: x")
			}
		}, http.StatusRequestHeaderFieldsTooLarge))
	}
	return list
}

func agreedHandshakes() []Case {
	return []Case{
		shaken("6455 4.2.2", "good", func(*Request) {}),
		shaken("6455 1.3", "the key of the RFC", set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")),
		shaken("6455 4.2.2", "key of zeros", set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")),
		shaken("6455 4.2.2", "key with plus and slash", set("Sec-WebSocket-Key", "+/+/+/+/+/+/+/+/+/+/+w==")),
		shaken("9110 5.1", "header names in lower case", recased(strings.ToLower)),
		shaken("9110 5.1", "header names in upper case", recased(strings.ToUpper)),
		shaken("6455 4.2.1", "upgrade in mixed case", set("Upgrade", "WebSocket")),
		shaken("6455 4.2.1", "upgrade in upper case", set("Upgrade", "WEBSOCKET")),
		shaken("6455 4.2.1", "connection in lower case", set("Connection", "upgrade")),
		shaken("6455 4.2.1", "connection among others", set("Connection", "keep-alive, Upgrade")),
		shaken("6455 4.2.1", "connection on two lines", add("Connection: keep-alive")),
		shaken("9110 7.8", "several upgrades", set("Upgrade", "h2c, websocket")),
		shaken("9112 5", "no space behind the colon", func(r *Request) {
			for i := range r.Lines {
				r.Lines[i] = strings.Replace(r.Lines[i], ": ", ":", 1)
			}
		}),
		shaken("9112 5", "spaces and tabs around values", func(r *Request) {
			for i := range r.Lines {
				r.Lines[i] = strings.Replace(r.Lines[i], ": ", ": \t ", 1) + " \t"
			}
		}),
		shaken("6455 4.2.1", "headers nobody knows", add("X-Unknown: yes", "Cookie: a=b", "Accept-Language: en")),
		shaken("6455 4.2.1", "extension nobody knows", add("Sec-WebSocket-Extensions: x-unknown; a=1; b=\"2\", x-other")),
		shaken("6455 9.1", "extensions on two lines", add("Sec-WebSocket-Extensions: x-one", "Sec-WebSocket-Extensions: x-two")),
		shaken("6455 4.2.1", "no origin", drop("Origin")),
		shaken("9112 6.3", "an empty body", add("Content-Length: 0")),
		shaken("9112 3.2.2", "absolute target", func(r *Request) {
			host := strings.TrimPrefix(r.Lines[0], "Host: ")
			r.Line = strings.Replace(r.Line, "GET ", "GET http://"+host, 1)
		}),
		shaken("6455 3", "a query", line(" HTTP", "?a=b&c=%20 HTTP")),
	}
}

func refusedHandshakes() []Case {
	const bad, method, upgrade = http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUpgradeRequired
	lines := func(end string) func(*Request) { return func(r *Request) { r.End = end } }
	return []Case{
		refused("6455 4.2.1", "POST", line("GET", "POST"), method),
		refused("6455 4.2.1", "HEAD", line("GET", "HEAD"), method),
		refused("9110 9.1", "get in lower case", line("GET", "get"), method),
		refused("6455 4.2.1", "HTTP/1.0", line("HTTP/1.1", "HTTP/1.0"), bad),
		refused("6455 4.2.1", "HTTP/0.9", line(" HTTP/1.1", ""), bad),
		refused("9112 2.3", "HTTP/2.0 in words", line("HTTP/1.1", "HTTP/2.0"), bad, http.StatusHTTPVersionNotSupported),
		refused("9112 2.3", "http in lower case", line("HTTP/1.1", "http/1.1"), bad),
		refused("9112 3.2", "no host", drop("Host"), bad),
		refused("9112 3.2", "two hosts", add("Host: other.example"), bad),
		refused("6455 4.2.1", "no upgrade", drop("Upgrade"), upgrade, bad),
		refused("6455 4.2.1", "another upgrade", set("Upgrade", "h2c"), upgrade, bad),
		refused("6455 4.2.1", "upgrade that begins like it", set("Upgrade", "websocket2"), upgrade, bad),
		refused("6455 4.2.1", "no connection", drop("Connection"), upgrade, bad),
		refused("6455 4.2.1", "connection without upgrade", set("Connection", "keep-alive"), upgrade, bad),
		maybe(otherVersion(refused("6455 4.4", "version 8", set("Sec-WebSocket-Version", "8"), upgrade))), // a draft's
		otherVersion(refused("6455 4.4", "version 14", set("Sec-WebSocket-Version", "14"), upgrade)),
		otherVersion(refused("6455 4.4", "version 0", set("Sec-WebSocket-Version", "0"), upgrade)),
		otherVersion(refused("6455 4.3", "version 013", set("Sec-WebSocket-Version", "013"), upgrade)),
		otherVersion(refused("6455 4.3", "version in words", set("Sec-WebSocket-Version", "thirteen"), upgrade)),
		refused("6455 4.2.1", "no version", drop("Sec-WebSocket-Version"), upgrade, bad),
		refused("6455 11.3.5", "two versions", add("Sec-WebSocket-Version: 8"), upgrade, bad),
		refused("6455 4.2.1", "no key", drop("Sec-WebSocket-Key"), bad),
		refused("6455 4.2.1", "empty key", set("Sec-WebSocket-Key", ""), bad),
		refused("6455 4.2.1", "short key", set("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="), bad),
		refused("6455 4.2.1", "long key", set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTEy"), bad),
		refused("6455 4.2.1", "key that is no base64", set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ!!"), bad),
		refused("4648 4", "key without padding", set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), bad),
		refused("6455 11.3.1", "two keys", add("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), bad),
		maybe(refused("9110 9.3.1", "a body", func(r *Request) { r.Add("Content-Length: 4"); r.Body = "body" }, bad)),
		maybe(refused("9112 6.1", "a body in chunks", func(r *Request) { r.Add("Transfer-Encoding: chunked"); r.Body = "0\r\n\r\n" }, bad)),
		refused("9112 6.3", "two lengths", add("Content-Length: 0", "Content-Length: 1"), bad),
		refused("9112 5.1", "space before the colon", add("X-Header : x"), bad),
		maybe(refused("9112 5.2", "folded header", add("X-Header: a", " b"), bad)),
		refused("9110 5.5", "NUL in a header", add("X-Header: a\x00b"), bad),
		refused("9110 5.5", "bare CR in a header", add("X-Header: a\rb"), bad),
		refused("9110 5.6.2", "header name that is no token", add("X Header: x"), bad),
		refused("9112 5", "header without a colon", add("nonsense"), bad),
		maybe(refused("9112 2.2", "lines that end with LF", lines("\n"), bad)),
		maybe(refused("6455 9.1", "extensions that are no list", add("Sec-WebSocket-Extensions: ;=,"), bad)),
		refused("9112 3", "no request line", func(r *Request) { r.Line = "nonsense" }, bad),
		refused("9112 3.2", "target that is none", func(r *Request) { r.Line = "GET nowhere HTTP/1.1" }, bad),
	}
}

// subprotocols are for servers that speak one and want it to be offered (RFC 6455 section 4.2.2).
func subprotocols(t *Target) []Case {
	const name = "Sec-WebSocket-Protocol"
	picks := func(want string) func(*Answer) string {
		return func(a *Answer) string {
			if got := a.Header.Get(name); got != want {
				return "picked " + got + ", wanted " + want
			}
			return ""
		}
	}
	offer := func(what string, edit func(*Request), want string) Case {
		k := shaken("6455 4.2.2", what, edit)
		k.Shake.Check = picks(want)
		return k
	}
	return []Case{
		offer("one subprotocol", set(name, t.Binary), t.Binary),
		offer("the first of two", set(name, t.Text+", "+t.Binary), t.Text),
		offer("the first of two, the other way", set(name, t.Binary+","+t.Text), t.Binary),
		offer("one among unknown ones", set(name, "soap, "+t.Text+", wamp"), t.Text),
		offer("on two lines", func(r *Request) { r.Set(name, "soap"); r.Add(name + ": " + t.Binary) }, t.Binary),
		refused("6455 4.2.2", "no subprotocol that is spoken", set(name, "soap"), http.StatusBadRequest),
		refused("6455 4.1", "subprotocol in other case", set(name, strings.ToUpper(t.Binary)), http.StatusBadRequest),
	}
}
