// Package migration copies what stands in a data folder into the databases of a cluster, and sees to it that it is the same there; and
// back.
//
//	folder ─walk, in the order of keys─→ rows ─batches─→ databases      position stored behind each batch
//	folder ─walk─→ sums per table and slot ═ compared ═ sums per table and slot ←─views─ databases
//
// Records are the same in both engines ([record.Format]), so that values are copied as they are; what a table of the databases has
// beside them is read from them. Not copied is what is derived: the order of timelines, which Redis draws anew, and the events that
// followers of the folder had not seen. Which conversations users are in is taken from the members, which is the truth of it.
//
// [Copy] may be stopped and begun again at any time: rows are written by their keys, and the position behind which it goes on stands
// in the home database. As long as that stands there, no node opens these databases.
//
// [Back] is the other way: databases become a data folder, which is a backup, what can be repaired as a whole, and the way back to one process.
//
// It imports store/mysql and store/record.
package migration
