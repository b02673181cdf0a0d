// Package fielddoc reads the comments of configuration fields from the source code, for the reference page.
package fielddoc
