// Package chat is `throng chat`, a client for the terminal: the list of conversations with what is unread, one open conversation to
// read, scroll back and write in, new conversations and groups, and reconnecting by itself.
//
//	Run ── sign-in form (or a stored session) ── Model ── listPane, room, prompt
//	                                               ↑ events        ↓ calls
//	                                          pump over client.Next, Server, People
//
// Model is a bubbletea model: it owns its state, changes only in Update, and does everything that waits in commands. It needs no
// terminal and no network; tests drive it with keys and events and read its view. What the server and other people wrote
// goes through clean before it reaches the terminal, because a terminal obeys escape sequences from anyone.
//
// The package imports the Go SDK and nothing of the server.
package chat
