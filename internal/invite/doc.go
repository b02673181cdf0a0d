// Package invite owns the links by which people come into groups: who may make one, what it shows before one joins, and how many it lets in.
//
// A link is a token that nobody can guess: the group's id and 128 random bits. The server keeps a hash of it, so that whoever reads the
// databases cannot join. Its row has a count of uses, which is taken before the append that makes somebody a member, and given back where
// that was refused: of any number who join at once no more come in than the link lets, and where a node is lost in between one use is lost.
//
// In the life of a message it stands beside the doors: who becomes a member. It imports only chat. It has no locks.
package invite
