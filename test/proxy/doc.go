// Package proxy stands between a client and a server of TCP, and breaks what goes through as a test wants it: later, slower, in pieces,
// not at all, or cut off.
//
//	client ──requests──→ Proxy ──requests──→ server
//	       ←──replies───       ←──replies───
//
// [Proxy.Set] changes what happens to the bytes of all connections from then on, those that stand included. What is held goes on its way
// once it is held no more, as TCP sends again what a network has lost. [Proxy.Reset], [Proxy.Vanish] and [Proxy.Orphan] end the
// connections that stand, for both ends or for one that hears nothing of it. Which bytes are hit is drawn, so that cuts fall anywhere.
//
// It listens on the loopback only, unless it is told another address ([At]), ends with its test, and imports nothing of ours.
package proxy
