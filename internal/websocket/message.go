package websocket

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// assemble puts a data frame to its message; ok is true where that is complete.
func (r *Reader) assemble(s *Settings, h ws.Header, payload []byte) (ev Event, ok bool, err error) {
	if h.OpCode != ws.OpContinuation {
		r.state = 0
		if h.Rsv == rsv1 {
			r.state |= compressed
		}
		if h.OpCode == ws.OpText {
			r.state |= text
		}
		if h.Fin {
			return r.message(s, payload, 0)
		}
		r.state |= fragmented
	}
	if r.part == nil {
		r.part = new(part)
	}
	p := r.part
	p.message = append(p.message, payload...)
	if mutant != mutantUTF8Unchecked && r.state&(text|compressed) == text {
		// A message that has gone wrong already is not waited for.
		n, good := validPrefix(p.message[p.valid:])
		if !good {
			return Event{}, false, notUTF8("text")
		}
		p.valid += n
	}
	if !h.Fin {
		return Event{}, false, nil
	}
	message, valid := p.message, p.valid
	p.message, p.valid = nil, 0
	r.state &^= fragmented
	r.settle()
	return r.message(s, message, valid)
}

// message is a whole message, of which valid bytes are known to be UTF-8.
func (r *Reader) message(s *Settings, payload []byte, valid int) (ev Event, ok bool, err error) {
	if r.state&compressed != 0 {
		if payload, err = s.Inflate.inflate(payload, s.Max); err != nil {
			return Event{}, false, err
		}
	}
	if r.state&text == 0 {
		return Event{ws.OpBinary, payload}, true, nil
	}
	if mutant != mutantUTF8Unchecked && !utf8.Valid(payload[valid:]) {
		return Event{}, false, notUTF8("text")
	}
	return Event{ws.OpText, payload}, true, nil
}

// validPrefix returns how much of b is whole UTF-8 sequences; good is false where no continuation makes it UTF-8.
func validPrefix(b []byte) (n int, good bool) {
	// The last sequence may be cut: it begins within the last bytes.
	for n = len(b); n > 0 && len(b)-n < utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n-1]) {
			if !utf8.FullRune(b[n-1:]) {
				return n - 1, utf8.Valid(b[:n-1])
			}
			break
		}
	}
	return len(b), utf8.Valid(b)
}
