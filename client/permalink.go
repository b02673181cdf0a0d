package client

import (
	"net/url"
	"strconv"
	"strings"
)

// messagePath is of docs/spec/links.md.
const messagePath = "/c/"

// MessageLink is the link to a message at the server with an address; without an address it is CONVERSATION/SEQ. It lets nobody in: who may not
// read the message does not get to it.
func MessageLink(server string, conv ConversationID, seq uint64) string {
	name := strconv.FormatUint(uint64(conv), 10) + "/" + strconv.FormatUint(seq, 10)
	if server == "" {
		return name
	}
	return strings.TrimSuffix(server, "/") + messagePath + name
}

// ParseMessageLink reads the link to a message as people paste it: its URL, or CONVERSATION/SEQ. server is the address of the server that it is of;
// empty where that is not said. ok is false for what is no such link.
func ParseMessageLink(text string) (server string, conv ConversationID, seq uint64, ok bool) {
	name := strings.TrimSpace(text)
	if strings.Contains(name, ":") {
		if server, name, ok = splitMessageURL(name); !ok {
			return "", 0, 0, false
		}
	}
	first, second, _ := strings.Cut(name, "/")
	id, ok := linkNumber(first)
	at, also := linkNumber(second)
	if !ok || !also {
		return "", 0, 0, false
	}
	return server, ConversationID(id), at, true
}

// splitMessageURL is the address of the server that a URL is of, and CONVERSATION/SEQ.
func splitMessageURL(text string) (server, name string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery ||
		strings.Contains(text, "#") || u.RawPath != "" {
		return "", "", false
	}
	at := strings.LastIndex(u.Path, messagePath)
	if at < 0 {
		return "", "", false
	}
	return u.Scheme + "://" + u.Host + u.Path[:at], u.Path[at+len(messagePath):], true
}

// maxLinkNumber is the highest id and seq that there is.
const maxLinkNumber = 1<<53 - 1

// linkNumber reads an id or a seq, in its one form.
func linkNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n > 0 && n <= maxLinkNumber && s == strconv.FormatUint(n, 10)
}
