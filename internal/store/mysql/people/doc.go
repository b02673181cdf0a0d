// Package people keeps what belongs to users in the databases of store/mysql: their accounts, devices and invitations ([Accounts],
// which is account.Users, account.Devices, account.Invitations and account.Revocations), and which conversations they are in, with
// their own settings ([Shelf], which is timeline.Shelf).
//
// A user's rows lie in the user's database. What is unique over all lies in the home database, and a statement never needs two. So
// where they are two, things happen in this order, and a node that is lost in between leaves what the next one completes:
//
//	Create   home: the names are claimed, beside the account (newcomer)   ← from here on the account is there
//	         user: the account's row, where there is none yet
//	         home: the newcomer goes
//	Delete   user: the account is empty, its devices are gone, and its names stand beside it (leaving)   ← from here on it is gone
//	         home: the names are free
//	         user: leaving goes
//
// Whoever looks for an account that has no row looks among the newcomers and brings it in; whoever finds a name that leads to an account
// that is leaving frees the name. Where both are one database, each is one transaction.
//
// In the life of a message it stands behind the first door (account) and behind the timelines. It imports account, timeline, chat,
// store/record and store/mysql.
package people
