package pressure

import "fmt"

// Level is how far the server has gone. Each level leaves out what the ones before it do, and one thing more. The numbers are those
// of the protocol (Degraded.level).
type Level uint8

// The levels.
const (
	// Calm leaves nothing out.
	Calm Level = iota
	// TypingOff tells nobody who is typing.
	TypingOff
	// PresenceCounts tells how many are online, not who.
	PresenceCounts
	// ReceiptsOff does not follow up on what devices have received.
	ReceiptsOff
	// ContentAsHints tells entries of conversations above the small tier as hints.
	ContentAsHints
	// AdmissionClosed turns new connections away.
	AdmissionClosed
)

// Highest is the last level.
const Highest = AdmissionClosed

// String is the level's word in logs, metrics and commands.
func (l Level) String() string {
	if l > Highest {
		return fmt.Sprintf("level_%d", uint8(l))
	}
	return words()[l]
}

func words() [Highest + 1]string {
	return [...]string{"calm", "typing_off", "presence_counts", "receipts_off", "content_as_hints", "admission_closed"}
}

// ParseLevel reads a level's word or its number.
func ParseLevel(text string) (Level, error) {
	for l, word := range words() {
		if text == word || text == fmt.Sprint(l) {
			return Level(l), nil
		}
	}
	return 0, fmt.Errorf("%q is no level; write a number from 0 to %d or one of %v", text, Highest, words())
}

// MarshalText implements [encoding.TextMarshaler].
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *Level) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLevel(string(text))
	return err
}
