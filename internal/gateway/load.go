package gateway

import "time"

// Load is how long something posted to a loop waited at most since the last call, and to which part of its bound the fullest inbox was
// filled. It is for one caller.
func (s *Server) Load() (lag time.Duration, inbox float64) {
	for _, l := range s.loops {
		worst, most := l.inbox.look()
		lag, inbox = max(lag, worst), max(inbox, float64(most)/float64(s.cfg.Inbox))
	}
	return lag, inbox
}
