package websocket

// Inflated inflates a message.
func (f *Inflater) Inflated(payload []byte, limit int) ([]byte, error) {
	return f.inflate(payload, limit)
}
