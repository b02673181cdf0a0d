// Package message owns the log: what may be appended ([Decide]), how sends become appends, and how ranges are read.
package message
