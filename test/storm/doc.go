// Package storm brings the storms of `throng bench storm` over the real binary and holds them to the guarantees, at sizes that a commit
// can wait for; RELIABILITY=nightly takes the full ones.
package storm
