package limit

import (
	"fmt"
	"math"
	"time"
)

// Bucket says how often something may happen: Burst at once, then Rate.
type Bucket struct {
	// Rate is how many in the long run, per second where no unit is given. 0 switches the limit off.
	Rate float64
	// Burst is how many may come at once after a quiet time.
	Burst int
	// Keys is how many users, addresses or conversations are told apart. When all of them are being limited, newcomers
	// share one bucket.
	Keys int
}

// Config are the limits of an install.
type Config struct {
	// SignInHandle limits attempts to sign in to one account.
	SignInHandle Bucket
	// SignInAddress limits attempts to sign in from one address (IPv6: from one /64).
	SignInAddress Bucket
	// SignUpAddress limits new accounts from one address.
	SignUpAddress Bucket
	// ConnectAddress limits new connections from one address.
	ConnectAddress Bucket
	// RequestUser limits requests of one user other than sends.
	RequestUser Bucket
	// FindUser limits how often one user looks for people by their handles, so that trying names is slow.
	FindUser Bucket
	// SendUser limits messages of one user.
	SendUser Bucket
	// SendConversation limits messages into one conversation.
	SendConversation Bucket
	// JoinUser limits how often one user tries and sets the passwords of groups.
	JoinUser Bucket
	// JoinConversation limits how often the password of one group is tried, by all users together. It is many times what one user has, so
	// that a few who used up theirs keep nobody else out.
	JoinConversation Bucket
	// Deliveries limits messages into conversations with many receivers, by how many deliveries they make.
	Deliveries Deliveries
}

// Deliveries is the limit that follows activity: what conversations with many receivers may have delivered, all together.
type Deliveries struct {
	// Rate is how many deliveries a core can make; as many cores as the process may use make the node's budget. 0 switches the
	// limit off.
	Rate float64
	// Share is the part of the budget that conversations with many receivers may have together. The rest is for all others.
	Share float64
	// Free is up to how many receivers on this node a conversation is not limited and not counted.
	Free int
	// Longest is how long a conversation waits at most from one message to the next, however many receivers it has: its floor. Its
	// ceiling is send_conversation.
	Longest time.Duration
	// Keys is how many conversations are told apart; those for which there is no room are limited like one.
	Keys int
}

// Default returns limits that people do not notice and scripts do.
func Default() Config {
	return Config{
		SignInHandle:     Bucket{Rate: 1.0 / 6, Burst: 10, Keys: 100_000},
		SignInAddress:    Bucket{Rate: 1, Burst: 60, Keys: 100_000},
		SignUpAddress:    Bucket{Rate: 1.0 / 30, Burst: 20, Keys: 100_000},
		ConnectAddress:   Bucket{Rate: 200, Burst: 5_000, Keys: 100_000},
		RequestUser:      Bucket{Rate: 100, Burst: 1_000, Keys: 1_000_000},
		FindUser:         Bucket{Rate: 1.0 / 12, Burst: 100, Keys: 100_000},
		SendUser:         Bucket{Rate: 50, Burst: 500, Keys: 1_000_000},
		SendConversation: Bucket{Rate: 2_000, Burst: 20_000, Keys: 1_000_000},
		JoinUser:         Bucket{Rate: 1.0 / 30, Burst: 10, Keys: 100_000},
		JoinConversation: Bucket{Rate: 10, Burst: 1_000, Keys: 100_000},
		// Half, because the time that a message waits for the one before it begins to grow from there on.
		Deliveries: Deliveries{Rate: 50_000, Share: 0.5, Free: 100, Longest: 50 * time.Second, Keys: 4_096},
	}
}

// Validate reports the first setting that cannot work.
func (c Config) Validate() error {
	for _, b := range []struct {
		name   string
		bucket Bucket
	}{
		{"sign_in_handle", c.SignInHandle},
		{"sign_in_address", c.SignInAddress},
		{"sign_up_address", c.SignUpAddress},
		{"connect_address", c.ConnectAddress},
		{"request_user", c.RequestUser},
		{"find_user", c.FindUser},
		{"send_user", c.SendUser},
		{"send_conversation", c.SendConversation},
		{"join_user", c.JoinUser},
		{"join_conversation", c.JoinConversation},
	} {
		if err := b.bucket.Validate(); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	if err := c.Deliveries.Validate(); err != nil {
		return fmt.Errorf("deliveries: %w", err)
	}
	return nil
}

// Validate reports what is wrong with the settings.
func (d Deliveries) Validate() error {
	switch {
	case d.Rate == 0:
		return nil
	case !(d.Rate >= 1 && d.Rate <= maxRate):
		return fmt.Errorf("rate must be 0 (no limit) or from 1 to %g per second, it is %g", maxRate, d.Rate)
	case !(d.Share > 0 && d.Share <= 1):
		return fmt.Errorf("share must be above 0 and at most 1, it is %g", d.Share)
	case d.Free < 0:
		return fmt.Errorf("free must not be negative, it is %d", d.Free)
	case d.Longest < time.Second || d.Longest > time.Hour:
		return fmt.Errorf("longest must be from 1s to 1h, it is %s", d.Longest)
	case d.Keys < 1 || d.Keys > maxCrowds:
		return fmt.Errorf("keys must be from 1 to %d, it is %d", maxCrowds, d.Keys)
	default:
		return nil
	}
}

// Bounds of a bucket: they keep the arithmetic in nanoseconds exact.
const (
	minRate  = 1e-5 // about one a day
	maxRate  = 1e8
	maxBurst = 1e7
	maxKeys  = 1e7
	// maxCrowds is how many conversations are looked through once a second, on the way of a message.
	maxCrowds = 10_000
	// maxFill is how many seconds a bucket may take to fill, so that its time fits 63 bits of nanoseconds with room: about three years.
	maxFill = 1e8
)

// Validate reports what is wrong with the bucket.
func (b Bucket) Validate() error {
	switch {
	case b.Rate == 0:
		return nil
	case math.IsNaN(b.Rate) || b.Rate < minRate || b.Rate > maxRate:
		return fmt.Errorf("rate must be 0 (no limit) or from %g to %g per second, it is %g", minRate, maxRate, b.Rate)
	case b.Burst < 1 || b.Burst > maxBurst:
		return fmt.Errorf("burst must be from 1 to %d, it is %d", int(maxBurst), b.Burst)
	case b.Keys < 1 || b.Keys > maxKeys:
		return fmt.Errorf("keys must be from 1 to %d, it is %d", int(maxKeys), b.Keys)
	case float64(b.Burst)/b.Rate > maxFill:
		return fmt.Errorf("burst %d takes too long to fill at rate %g; raise the rate or lower the burst", b.Burst, b.Rate)
	default:
		return nil
	}
}
