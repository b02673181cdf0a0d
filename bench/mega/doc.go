// Package mega makes a group of a million members, holds as many of them online as asked, lets random ones write, and looks at everything:
// each delivery at each receiver, what those learn who had something else open, what members read who were not there, and how many
// members the server counts. One verdict. The scenario throng bench mega.
package mega
