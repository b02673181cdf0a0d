// Package clienttest is a server of the session protocol in memory, for tests of clients. It is no server to use: it keeps a small
// model of conversations, answers what the protocol asks, and lets a test drop, repeat, hold and reorder what it says.
//
// It works on net.Pipe, so that a test may run in a testing/synctest bubble, where all waiting is virtual:
//
//	srv := clienttest.New()
//	srv.AddConversation(1, throngv1.Kind_KIND_DIRECT, 10, 20)
//	c, err := client.New("http://test", client.Options{
//		Tokens: client.StaticToken("user-10"), NetDial: srv.NetDial,
//	})
//
// The token "user-N" is that of user N. The package imports the generated schema only.
package clienttest
