package mysql

import (
	"encoding/hex"
	"strconv"
)

// statementBytes is how long a text of statements gets before it is sent: more rows follow in the next one.
const statementBytes = 4 << 20

// text is a text of statements. Values enter it as numbers and as hexadecimal literals alone: there is nothing to escape.
type text struct{ b []byte }

// add appends words of ours.
func (t *text) add(words ...string) *text {
	for _, w := range words {
		t.b = append(t.b, w...)
	}
	return t
}

// number appends a number.
func (t *text) number(n uint64) *text {
	t.b = strconv.AppendUint(t.b, n, 10)
	return t
}

// blob appends bytes.
func (t *text) blob(b []byte) *text {
	t.b = append(t.b, 'x', '\'')
	t.b = hex.AppendEncode(t.b, b)
	t.b = append(t.b, '\'')
	return t
}

// open begins a row, with a comma in front of all but the first.
func (t *text) open(first bool) *text {
	if !first {
		t.b = append(t.b, ',')
	}
	t.b = append(t.b, '(')
	return t
}

// row appends (a,b,…) of numbers, with a comma in front of all rows but the first.
func (t *text) row(first bool, numbers ...uint64) *text {
	t.open(first)
	for i, n := range numbers {
		if i > 0 {
			t.b = append(t.b, ',')
		}
		t.number(n)
	}
	t.b = append(t.b, ')')
	return t
}

// list appends a,b,… .
func list[T ~uint64](t *text, numbers []T) *text {
	for i, n := range numbers {
		if i > 0 {
			t.b = append(t.b, ',')
		}
		t.number(uint64(n))
	}
	return t
}

func (t *text) String() string { return string(t.b) }
