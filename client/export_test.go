package client

// QueueRoom returns for how many events a queue keeps room that is never empty while n go through it.
func QueueRoom(n int) int {
	q := newEventQueue(8)
	q.push(Reset{})
	for range n {
		q.push(Reset{})
		_, _ = q.pop()
	}
	return cap(q.events)
}
