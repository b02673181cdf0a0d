package gateway

// Queued is what waits for the receivers of all loops. The loops must be at rest.
func (s *Server) Queued() (n int) {
	for _, l := range s.loops {
		n += l.env.Queued()
	}
	return n
}

// Encodings is how many rounds of large conversations were encoded.
func (s *Server) Encodings() int64 { return s.crowd.enc.Encoded() }
