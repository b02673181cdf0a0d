package gateway

// line is connections that wait to be written to, in the order in which they came. It is owned by the loop.
type line struct {
	// owned by the loop
	list []*conn
	at   int // list[:at] had their turn
}

// add puts a connection to the end. A line that is never empty moves up in its place rather than grow.
func (q *line) add(c *conn) {
	if len(q.list) == cap(q.list) && q.at > len(q.list)/2 {
		n := copy(q.list, q.list[q.at:])
		clear(q.list[n:])
		q.list, q.at = q.list[:n], 0
	}
	q.list = append(q.list, c)
}

func (q *line) empty() bool { return len(q.list) == 0 }

// next takes the first one out; nil where there is none.
func (q *line) next() *conn {
	if q.at == len(q.list) {
		clear(q.list)
		q.list, q.at = q.list[:0], 0
		return nil
	}
	c := q.list[q.at]
	q.at++
	return c
}
