// Package vectors holds golden frames: one JSON file for each kind of envelope, with the frame in both subprotocols. Every
// implementation of the protocol reads them in its tests; the test beside them holds the Go schema against them.
//
// Protobuf is compared by meaning when read, and byte for byte when written by Go (fields in order, oneof last). JSON is compared by
// meaning.
package vectors
