package gateway

// Connections is how many connections the node has.
func (s *Server) Connections() int {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	return s.admission.total
}
