// Package slow measures what receivers that stop reading do to a server and to everybody else: one group, everybody online, large
// texts, and some members who take nothing from their sockets while the others go on. Parts without and with them take turns in one
// run. When such a member reads again it has to come to every message, through what was kept for it, hints and pulls.
package slow
