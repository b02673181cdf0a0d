// Package conversation reads and decides who is in a conversation; its changes are drafts of the log.
package conversation
