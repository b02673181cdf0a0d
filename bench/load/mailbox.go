package load

import "sync"

// post is something that a loop is asked to write for a client.
type post struct {
	i  int32
	id uint64 // of the request, for the answer where it cannot be written
	b  []byte // a masked frame
}

// mailbox holds posts until the loop looks. What a driver keeps in flight is its bound.
type mailbox struct {
	mu    sync.Mutex
	posts []post
	spare []post
}

func (m *mailbox) put(p post) {
	m.mu.Lock()
	m.posts = append(m.posts, p)
	m.mu.Unlock()
}

// take returns what is there, valid until the next call.
func (m *mailbox) take() []post {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.posts
	clear(m.spare)
	m.posts = m.spare[:0]
	m.spare = out
	return out
}

func (m *mailbox) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.posts) == 0
}
