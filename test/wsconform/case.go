package wsconform

import (
	"slices"
	"strings"
	"time"
)

// Target is a server to be asked.
type Target struct {
	// Address is host:port.
	Address string
	// TLS says that the connection is encrypted; certificates are not looked at.
	TLS bool
	// Path of the handshake.
	Path string
	// Echo says that messages are sent back as they are. Otherwise only the cases are asked that end before a message is whole.
	Echo bool
	// Text and Binary are the subprotocols to offer for messages of the kind; empty offers none.
	Text, Binary string
	// Origins says that the server answers 403 to pages of other origins.
	Origins bool
	// Limit is the most bytes of a message; 0: the server has none, or one that nobody knows.
	Limit int
	// Head and Headers are the most bytes of a request's head and the most header lines; 0 as for Limit.
	Head, Headers int
	// Patience is how long to wait for what must come; 0 is 20 seconds.
	Patience time.Duration
}

func (t *Target) patience() time.Duration {
	if t.Patience > 0 {
		return t.Patience
	}
	return patience
}

// Case is one thing that is asked of a server.
type Case struct {
	// Section of the suite, and the case's name within it.
	Section, Name string
	// RFC is the text that it is about: "6455 5.5.1".
	RFC string
	// Autobahn is the testsuite's number or group that asks the same; empty: none does.
	Autobahn string

	// Shake is what is unusual about the handshake; nil: nothing.
	Shake *Shake
	// Steps follow the handshake, one after another.
	Steps []Step
	// End is how the connection ends after the steps.
	End End
}

// ID names the case.
func (c *Case) ID() string { return c.Section + "/" + c.Name }

// Shake is an unusual handshake and its answer.
type Shake struct {
	// Edit changes a good request.
	Edit func(r *Request)
	// Refuse are the statuses that may answer it, the recommended one first; empty: it is to be agreed to. Any other status of
	// the four hundreds is lenient.
	Refuse []int
	// Also says that agreeing is lenient where the RFC leaves it to the server.
	Also bool
	// MayRefuse says that refusing is lenient.
	MayRefuse bool
	// Check looks at the answer and says what is wrong with it.
	Check func(a *Answer) string
	// Deflate says that the case is only about connections that agreed on permessage-deflate.
	Deflate bool
	// NoTakeover says that it is only about those whose clients promised not to take contexts over.
	NoTakeover bool
}

// Step sends something and waits for what is expected by then.
type Step struct {
	Send []byte
	// Messages and Pongs that must have come before the next step, in order.
	Messages []Message
	Pongs    []string
	// Early says that the server may fail the connection here already, as a strict one does.
	Early Early
}

// Early is how a step finds out whether a server fails early.
type Early uint8

const (
	// NotEarly says that a server that fails here is wrong.
	NotEarly Early = iota
	// ByPong says that the step ends with a ping, which a server answers that goes on.
	ByPong
	// ByTime says that the step ends within a frame, where nothing can be asked; a moment is waited.
	ByTime
)

// Message is a whole message.
type Message struct {
	Text    bool
	Payload []byte
}

// End is how a connection ends.
type End struct {
	// Kind of the end.
	Kind Ending
	// Codes of the server's close frame, the recommended ones; for Fails and Answers.
	Codes []int
	// Patient says that the driver does not close its side: the server has to end the connection by itself.
	Patient bool
	// Tolerable says that it is lenient, and not wrong, if a server goes on that should fail.
	Tolerable bool
}

// Ending is a kind of end.
type Ending uint8

const (
	// Lives means that the connection goes on; the driver says goodbye, and the server answers.
	Lives Ending = iota
	// Fails means that the server fails the connection (RFC 6455 section 7.1.7). Another code, or none, is lenient.
	Fails
	// Answers means that the last step was a close frame; the server answers with one and ends the connection.
	Answers
)

func fails(codes ...int) End   { return End{Kind: Fails, Codes: codes} }
func answers(codes ...int) End { return End{Kind: Answers, Codes: codes} }

// echoes reports whether the case needs an echo.
func (c *Case) echoes() bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool { return len(s.Messages) > 0 })
}

// text reports whether the first data frame of the case is text: it decides on the subprotocol.
func (c *Case) text() bool {
	for _, s := range c.Steps {
		if op, ok := firstData(s.Send); ok {
			return op == opText
		}
	}
	return false
}

// Cases are all that make sense for the target, ordered by section.
func Cases(t *Target) []Case {
	list := slices.Concat(handshakes(t), framings(), pings(), reserved(), opcodes(), fragments(), texts(), closings(), limits(t), deflates(t))
	return slices.DeleteFunc(list, func(c Case) bool { return !t.Echo && c.echoes() })
}

// Rating is a verdict.
type Rating uint8

const (
	// Strict is as the RFC has it, or recommends.
	Strict Rating = iota
	// Lenient is allowed, and not what is recommended.
	Lenient
	// Failed is not allowed.
	Failed
	// Unasked says that the server did not agree to what the case is about.
	Unasked
)

// String is the rating's word.
func (r Rating) String() string {
	return strings.Fields("strict lenient FAILED unasked")[r]
}

// Result is what a server did with a case.
type Result struct {
	Rating Rating
	// Why it is not strict.
	Why string
}
