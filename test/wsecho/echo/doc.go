// Package echo runs a gateway that sends back what it gets, on the loops or on goroutines, for test/wsecho and test/wsconform.
package echo
