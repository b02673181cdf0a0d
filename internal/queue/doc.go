// Package queue declares how followers get the events of the log.
package queue
