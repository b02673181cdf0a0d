// Package connect opens many sessions and leaves them alone: how fast they get in, what each costs in memory, and what the processor does
// while nothing happens but heartbeats. The scenario throng bench connect.
package connect
