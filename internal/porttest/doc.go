// Package porttest holds one contract suite per port. An adapter's test calls it with a factory; each case is named after
// the rule of the port that it holds the adapter to.
package porttest
