package wire

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// messagePath is what stands between the address of a server and CONVERSATION/SEQ in the URL of a message.
const messagePath = "/c/"

// MessageLink is how a server with a public address names a message: by a URL, or, where it knows no address, by CONVERSATION/SEQ.
func MessageLink(public string, id chat.ConversationID, seq chat.Seq) string {
	name := strconv.FormatUint(uint64(id), 10) + "/" + strconv.FormatUint(uint64(seq), 10)
	if public == "" {
		return name
	}
	return strings.TrimSuffix(public, "/") + messagePath + name
}

// ParseMessageLink reads the link of a message: CONVERSATION/SEQ, or a URL that ends so. A server with a public address takes no URL of another
// one; others take any.
func ParseMessageLink(public, text string) (id chat.ConversationID, seq chat.Seq, err error) {
	name := strings.TrimSpace(text)
	if strings.Contains(name, ":") {
		base, after, ok := splitMessageURL(name)
		if !ok || public != "" && !sameServer(public, base) {
			return 0, 0, errNoMessageLink()
		}
		name = after
	}
	first, second, _ := strings.Cut(name, "/")
	n, ok := linkNumber(first)
	m, also := linkNumber(second)
	if !ok || !also {
		return 0, 0, errNoMessageLink()
	}
	return chat.ConversationID(n), chat.Seq(m), nil
}

// splitMessageURL is the address of the server that a URL is of, and CONVERSATION/SEQ.
func splitMessageURL(text string) (base, name string, ok bool) {
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

// sameServer compares addresses. The letters of a host may be of either case.
func sameServer(public, base string) bool {
	a, err := url.Parse(strings.TrimSuffix(public, "/"))
	b, err2 := url.Parse(base)
	return err == nil && err2 == nil && a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && a.Path == b.Path
}

// linkNumber reads an id or a seq, in its one form.
func linkNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n > 0 && n <= chat.MaxID && s == strconv.FormatUint(n, 10)
}

func errNoMessageLink() *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonMessageLinkInvalid, "this is no link to a message of this server")
}

// PinnedMessage tells a pinned message to a reader.
func PinnedMessage(reader chat.UserID, pin chat.Pinned, e *chat.Entry) *throngv1.PinnedMessage {
	return &throngv1.PinnedMessage{
		Entry: Entry(e, Part{ClientID: reader != 0 && e.Sender == reader}), PinSeq: uint64(pin.Seq), PinMs: pin.TimeMS, By: uint64(pin.By),
	}
}
