package gateway

// Queued is what waits for the receivers of all loops. The loops must be at rest.
func (s *Server) Queued() (n int) {
	for _, l := range s.loops {
		n += l.env.Queued()
	}
	return n
}
