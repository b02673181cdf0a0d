// Package redis holds the adapters on Redis of what a deployment of several nodes shares and may lose.
//
// It imports chat and the ports.
package redis
