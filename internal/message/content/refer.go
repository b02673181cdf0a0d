package content

import "github.com/throng-im/throng/internal/chat"

// checkRefers checks what a message refers to, as far as it can be seen from the draft alone. Only messages refer to something.
func checkRefers(d *chat.Draft) *chat.Error {
	if d.Refers == nil {
		return nil
	}
	if !chat.Content(d.Body) {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "only a message answers another one and mentions people; an edit leaves that as it is")
	}
	if len(d.Refers.Mentions) > chat.MaxMentions {
		return chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyMentions, "a message mentions at most %d users", chat.MaxMentions)
	}
	return checkUsers(d.Refers.Mentions, chat.MaxMentions)
}
