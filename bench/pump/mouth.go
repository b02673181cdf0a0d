package pump

import "github.com/throng-im/throng/bench/load"

// Server is the mouth that speaks to a server through a fleet's clients.
type Server struct {
	Fleet        *load.Fleet
	Conversation uint64
}

// Say implements Mouth.
func (s Server) Say(m *Message) bool {
	s.Fleet.Send(m.Client, m.ID, s.Conversation, &m.ClientID, m.Text)
	return false
}

// Flush implements Mouth.
func (Server) Flush() {}
