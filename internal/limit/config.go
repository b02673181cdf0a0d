package limit

import (
	"fmt"
	"math"
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
	// SendUser limits messages of one user.
	SendUser Bucket
	// SendConversation limits messages into one conversation.
	SendConversation Bucket
}

// Default returns limits that people do not notice and scripts do.
func Default() Config {
	return Config{
		SignInHandle:     Bucket{Rate: 1.0 / 6, Burst: 10, Keys: 100_000},
		SignInAddress:    Bucket{Rate: 1, Burst: 60, Keys: 100_000},
		SignUpAddress:    Bucket{Rate: 1.0 / 30, Burst: 20, Keys: 100_000},
		ConnectAddress:   Bucket{Rate: 200, Burst: 5_000, Keys: 100_000},
		RequestUser:      Bucket{Rate: 100, Burst: 1_000, Keys: 1_000_000},
		SendUser:         Bucket{Rate: 50, Burst: 500, Keys: 1_000_000},
		SendConversation: Bucket{Rate: 2_000, Burst: 20_000, Keys: 1_000_000},
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
		{"send_user", c.SendUser},
		{"send_conversation", c.SendConversation},
	} {
		if err := b.bucket.Validate(); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// Bounds of a bucket: they keep the arithmetic in nanoseconds exact.
const (
	minRate  = 1e-5 // about one a day
	maxRate  = 1e8
	maxBurst = 1e7
	maxKeys  = 1e7
	// maxFill is how many seconds a bucket may take to fill, so that its time fits 63 bits of nanoseconds with room.
	maxFill = 1e9
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
