package send

// The parts that the tests look at.
type (
	Plan  = plan
	Track = track
)

// Aliases of what stays unexported.
const (
	InOrder    = inOrder
	Duplicate  = duplicate
	Disordered = disordered
)

// NewPlan completes c and plans it.
func NewPlan(c Config) (*Plan, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	return newPlan(&c), nil
}

// Groups returns the members of each conversation.
func (p *plan) Groups() (online, offline [][]int) {
	for _, g := range p.groups {
		online, offline = append(online, g.online), append(offline, g.offline)
	}
	return online, offline
}

// Sends returns the user and the conversations of each sender.
func (p *plan) Sends() (users []int, groups [][]int) {
	for _, s := range p.sends {
		users, groups = append(users, s.user), append(groups, s.groups)
	}
	return users, groups
}

// Take is take.
func (t *track) Take(counter uint32) uint8 { return uint8(t.take(counter)) }

// Lacks is lacks.
func (t *track) Lacks(sent uint32) int { return t.lacks(sent) }
