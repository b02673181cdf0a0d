// Package record is how the engines write things down: the layout of every row, and, for the embedded one, the tables, their keys
// and the names of what stands once. It knows bytes and nouns, nothing of an engine, so that every adapter, the check of a
// folder and an upgrade read the same rows by the same code.
//
// Records are written by hand: fields one after the other, numbers as varints, strings with their length in front. What a
// key says already is not repeated in the value. The layout is that of [Format]; the engines' blocks and pages carry checksums.
//
// Keys are listed in key.go, names in meta.go; each other file has the records of one noun, the writer beside its reader. Nodes of two
// neighbouring versions read each other's rows: a new field goes into the block at the end of its record, which a version that does not know it
// keeps (later.go, docs/decisions/0027-mixed-versions.md); testdata has what each version wrote. What cannot be so has another [Format], in which an
// upgrade writes the rows of older folders.
package record
