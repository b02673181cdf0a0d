package mysql

import (
	"context"
	"errors"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/chat"
)

// Numbers of the servers' errors that mean something to us.
const (
	numberDuplicate   = 1062
	numberLockWait    = 1205
	numberDeadlock    = 1213
	numberNoSpace     = 1021
	numberTableFull   = 1114
	numberOnWrite     = 1026
	numberNotLocked   = 3058 // user-level locks that wait for each other
	numberReadOnly    = 1290
	numberReadOnlyTx  = 1792
	numberReadOnlyEng = 1836
	numberColumnThere = 1060
	numberKeyThere    = 1061
)

// numberOf is the number of a server's error; 0 where the server did not say one.
func numberOf(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// isDuplicate reports that a row's key is taken. Code that runs in [shard.transact] sees the servers' own errors.
func isDuplicate(err error) bool { return numberOf(err) == numberDuplicate }

// isThere reports that a change of a table was made before.
func isThere(err error) bool {
	return numberOf(err) == numberColumnThere || numberOf(err) == numberKeyThere
}

// againError is an error of a transaction that is to be begun again.
type againError struct{ cause error }

func (e *againError) Error() string { return "to be begun again: " + e.cause.Error() }
func (e *againError) Unwrap() error { return e.cause }

// doubtError is an error that came instead of the answer to a COMMIT.
type doubtError struct{ cause error }

func (e *doubtError) Error() string { return "the answer to a commit did not come: " + e.cause.Error() }
func (e *doubtError) Unwrap() error { return e.cause }

// silentError is the error of an attempt that had no answer for as long as one is waited for. It is not begun again: who waited has
// waited for long enough, and the next attempt would wait like it.
type silentError struct{ cause error }

func (e *silentError) Error() string { return "no answer in time: " + e.cause.Error() }
func (e *silentError) Unwrap() error { return e.cause }

// refusedBeforeCommit reports that an error which came back for statements with a COMMIT behind them is one of those that a
// statement before it gets: it was not reached then. Of others nobody knows.
func refusedBeforeCommit(err error) bool {
	switch n := numberOf(err); n {
	case numberDuplicate, numberLockWait, numberDeadlock, numberNoSpace, numberTableFull, numberReadOnly, numberReadOnlyTx, numberReadOnlyEng:
		return true
	case 1048, 1054, 1064, 1142, 1146, 1153, 1264, 1364, 1366, 1406: // what is wrong with a statement
		return true
	default:
		return false
	}
}

// translate says what an error means to a caller. Nothing was stored, unless the error is doubtful.
func (s *Store) translate(err error, doing string) error {
	var known *chat.Error
	var doubt *doubtError
	var silent *silentError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &doubt):
		return chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "the write may or may not be stored; send it again with the same client id")
	case errors.As(err, &known):
		return known
	case s.closed.Load():
		return errClosed()
	case errors.As(err, &silent): // the time that connecting may take counts as a deadline, too
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up before anything was stored")
	}
	switch numberOf(err) {
	case numberNoSpace, numberTableFull, numberOnWrite:
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageFull, "%s: the database's disk is full", doing)
	case numberDeadlock, numberLockWait, numberDuplicate:
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: too many write the same; try again", doing)
	}
	return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: the database does not answer", doing)
}

func errClosed() error {
	return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the store is closed; try again later")
}
