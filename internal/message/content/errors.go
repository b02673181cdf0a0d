package content

import "github.com/throng-im/throng/internal/chat"

func errTextTooLarge() *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonMessageTooLarge, "a text has at most %d characters and %d bytes; send it in parts",
		chat.MaxTextRunes, chat.MaxTextBytes)
}

func errNotUTF8() *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonTextNotUTF8, "text must be valid UTF-8")
}

func errTooLarge(name string, limit int) *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonFieldTooLarge, "%s has at most %d bytes", name, limit)
}

func errNoTarget() *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "name the message by its seq")
}
