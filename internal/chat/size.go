package chat

// jsonEscaped is what JSON writes for a control character without a short form.
const jsonEscaped = len(`\u0000`)

// WireBytes is about how many bytes what an entry says takes in an answer ([WireBytes]), with what it refers to.
func (e *Entry) WireBytes() int { return WireBytes(e.Body) + referBytes(e.Refers) }

// WireBytes is about how many bytes a body takes in an answer, in the larger of the two encodings: JSON writes some characters
// as two or six, and bytes in base64. Pages are bounded by it, so that nobody's message makes another's answer burst.
func WireBytes(b Body) int {
	const fields = 32 // names, numbers, punctuation
	switch b := b.(type) {
	case Text:
		return fields + textBytes(b.Text)
	case Media:
		return 4*fields + textBytes(b.Ref) + textBytes(b.MIME) + textBytes(b.Name) + textBytes(b.Caption) + dataBytes(b.Preview)
	case Custom:
		return 2*fields + textBytes(b.Type) + dataBytes(b.Data) + textBytes(b.Fallback)
	case System:
		n := 2*fields + textBytes(b.Event)
		for name, value := range b.Args {
			n += 8 + textBytes(name) + textBytes(value)
		}
		return n
	case Created:
		return 2*fields + textBytes(b.Name) + textBytes(b.Avatar) + textBytes(b.Description) + 20*min(len(b.Members), MemberPreview)
	case Changed:
		n := fields
		for _, s := range []*string{b.Name, b.Avatar, b.Description, b.Announcement} {
			if s != nil {
				n += textBytes(*s)
			}
		}
		return n
	case Edit:
		n := fields
		if b.Body != nil {
			n += WireBytes(b.Body)
		}
		return n
	case Recall:
		return 2*fields + textBytes(b.Note)
	case Tombstone:
		return 2*fields + textBytes(b.Note)
	case MembersChanged:
		return 2*fields + 20*min(len(b.Users), MemberPreview) + textBytes(b.Name) + textBytes(b.Reason)
	default:
		return 2 * fields
	}
}

func textBytes(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
			n++
		case c < ' ':
			n += jsonEscaped - 1
		}
	}
	return n
}

// dataBytes is the length of base64.
func dataBytes(b []byte) int { return (len(b) + 2) / 3 * 4 }
