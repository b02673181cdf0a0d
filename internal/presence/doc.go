// Package presence is what people see of each other while they are there: who is online ([Hub]), and who is typing ([Typing]). Nothing of it
// is an entry: it takes no seq, is never stored in a log, and is what a server leaves out first.
//
// How somebody is there is known per node and merged in a [Store]; nodes are told of changes whose sessions watch, and sessions that watch.
//
//	session ──► Typing: at most one in 3 s, members only ──► small: nodes of the members    ──► behind their content, or nowhere
//	                                                      └► medium: nodes of the subscribers ──► those who have it open
//
// It is beside the life of a message: it waits for nothing there, and nothing there waits for it. The package imports chat.
package presence
