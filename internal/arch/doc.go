// Package arch holds the shape of the house as data, and tests the source against it: who may import whom, which modules are
// not for us, which words stay in which files, how long a file and how wide an interface may be. It has no code of its own; a
// change of the shape is a change of the tables in its tests, with the reason beside it.
package arch
