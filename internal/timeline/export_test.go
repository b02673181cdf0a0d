package timeline

import "github.com/throng-im/throng/internal/chat"

// PageToken is the token of a place in a user's list.
func PageToken(pinned bool, timeMS uint64, id chat.ConversationID, user chat.UserID, archived bool) string {
	return place{pinned, timeMS, id}.token(user, archived)
}

// ReadPageToken reads a token and writes it again.
func ReadPageToken(s string, user chat.UserID, archived bool) (string, error) {
	p, err := parseToken(s, user, archived)
	if err != nil || p == nil {
		return "", err
	}
	return p.token(user, archived), nil
}
