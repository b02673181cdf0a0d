// Command ask asks an echo server everything that wsconform knows and prints what came out. It exits 1 when a case failed.
package main
