// Package account owns people: users, their devices, passwords and tokens.
//
// In the life of a message it is the first door: the gateway and the API ask [Service.Authenticate] who holds a token,
// and close what [Service.OnRevoke] tells them to. Three kinds of token are taken: access tokens that this service signs
// ([Service.SignIn], [Service.Refresh]), tokens signed by a company's own key, whose users are made on first sight, and
// server keys of back ends.
//
//	password ──SignIn──▶ device ──▶ access token (minutes, signed) + refresh token (weeks, opaque, hashed at rest)
//	                        ▲                                             │ good until what it was exchanged for is used
//	                        └──────────────── Refresh ◀───────────────────┘ a spent one ends the device
//
// Which users, devices and invitations there are is kept behind the ports [Users], [Devices] and [Invitations]. What may be
// asked by whom (administrators, server keys) is decided by the API; the methods here trust their caller.
//
// It imports only chat, and keyset, its own. Locks do not nest: each of the caches, the hasher, the key set and the use book has one of
// its own, held for a few lines and never across a call out.
package account
