package chat

import (
	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
)

// What the tests look at.
var (
	Clean = clean
	Fit   = fit
	Wrap  = wrap
	Width = strWidth
	Parse = parse
)

// Form is the sign-in form.
type Form = form

// NewForm makes one.
var NewForm = newForm

// Stored is a sign-in that is kept.
type Stored = stored

// OpenSessions opens the file of sign-ins.
var OpenSessions = openSessions

// Find, Put, Remove and Lock are the file's methods.
func (s *sessions) Find(url, handle string) (Stored, bool, error) { return s.find(url, handle) }

// Put stores a sign-in.
func (s *sessions) Put(one Stored) error { return s.put(one) }

// Remove forgets one.
func (s *sessions) Remove(one Stored) error { return s.remove(one) }

// Lock takes one for this process.
func (s *sessions) Lock(one Stored) (func(), error) { return s.lock(one) }

// Path is the file.
func (s *sessions) Path() string { return s.path }

// Happened is the message that brings events to the screen.
func Happened(events ...client.Event) tea.Msg { return eventsMsg{events: events} }
