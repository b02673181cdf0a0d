// Package slots moves slots of conversations and users from one database of store/mysql to another, while nodes run and people write.
//
//	copy      rows are copied by their keys; nodes note which rows of the slot they write meanwhile
//	verify    every row of the two is compared; what differs must be among what was noted
//	catch up  what was noted is copied again, until little is left
//	close     nobody writes the slot, for a moment: the rest is copied and compared, with the events that wait
//	switch    the home database says that the slot is in the target; source and target follow
//	clear     the source's rows are removed
//
// What nodes do about it, and why nothing is read or written in the wrong place, is said in store/mysql (moving.go, place.go). A mover that
// is gone leaves a row in slot_move: nodes take its move back, or complete it, once it has not said a word for a while, and the next mover
// goes on from there.
//
// It imports chat, store/record and store/mysql.
package slots
