package assert

import (
	"errors"
	"reflect"
	"testing"
)

// Equal fails the test now unless got and want are deeply equal; what says what was compared.
func Equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %+v, want %+v", what, got, want)
	}
}

// True fails the test now unless the condition holds.
func True(t testing.TB, what string, ok bool) {
	t.Helper()
	if !ok {
		t.Fatalf("%s: does not hold", what)
	}
}

// NoError fails the test now if err is an error.
func NoError(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// ErrorIs fails the test now unless err is target, as errors.Is says.
func ErrorIs(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s: got error %v, want %v", what, err, target)
	}
}
