// Command throng is the whole server and everything that its operator does with it: serve starts it, user looks after
// people, check, backup, restore, export and import look after the data folder, chat is a client for the terminal, bench
// puts a server under load.
package main
