package content

import "github.com/throng-im/throng/internal/chat"

// Amends reports whether a body is about an earlier entry, and sent as messages are.
func Amends(b chat.Body) bool {
	switch b.(type) {
	case chat.Edit, chat.Recall, chat.Pin:
		return true
	default:
		return false
	}
}

// TakesBack reports whether a body says nothing new: who is blocked may still take back what was said.
func TakesBack(b chat.Body) bool {
	_, ok := b.(chat.Recall)
	return ok
}

// checkEdit checks what an edit says as what it may become is checked: the text of a message, which the caption of media may lack, or the
// content of a custom one.
func checkEdit(d *chat.Draft, b chat.Edit) *chat.Error {
	if b.Target == 0 {
		return errNoTarget()
	}
	switch body := b.Body.(type) {
	case chat.Text:
		if body.Text == "" {
			return nil // of media; others are refused once it is known what is edited
		}
		return checkText(body.Text)
	case chat.Media:
		if d.TimeMS != 0 {
			return checkMedia(body)
		}
	case chat.Custom:
		return checkCustom(body)
	case nil:
		if d.TimeMS != 0 {
			return nil // an import repeats what is gone already
		}
	default:
	}
	return chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "an edit gives a message another text, caption or custom content")
}

// Replaced is what a message says once an edit gives it something else. What kind of message it is stays.
func Replaced(was, by chat.Body) (chat.Body, *chat.Error) {
	switch was := was.(type) {
	case chat.Text:
		if text, ok := by.(chat.Text); ok {
			return text, checkText(text.Text)
		}
	case chat.Media:
		switch by := by.(type) {
		case chat.Text:
			was.Caption = by.Text
			return was, nil
		case chat.Media: // an import has all of it
			return by, nil
		}
	case chat.Custom:
		if custom, ok := by.(chat.Custom); ok && custom.Type == was.Type {
			return custom, nil
		}
	}
	return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid,
		"an edit leaves the kind of a message: text for text and captions, custom content for custom content of the same type")
}
