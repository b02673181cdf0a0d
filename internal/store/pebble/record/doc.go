// Package record is how the embedded engine writes things down: the tables and their keys, the layout of every row, the names of
// what stands once, and what is derived from a member row. It knows bytes and nouns, nothing of Pebble, so that the adapters,
// the check of a folder and an upgrade read the same rows by the same code.
//
// Records are written by hand: fields one after the other, numbers as varints, strings with their length in front. What a
// key says already is not repeated in the value. The layout is that of [Format]; Pebble's blocks carry checksums.
//
// Keys are listed in key.go, names in meta.go; each other file has the records of one noun, the writer beside its reader. A new
// field goes to the end of its record with another [Format], and an upgrade writes it into the rows of older folders.
package record
