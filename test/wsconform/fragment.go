package wsconform

import "strings"

// fragments are RFC 6455 section 5.4.
func fragments() []Case {
	const section, rfc = "fragment", "6455 5.4"
	first, middle, last := func(s string) []byte { return frame(opText, s) },
		func(s string) []byte { return frame(opContinuation, s) }, func(s string) []byte { return frame(fin|opContinuation, s) }
	list := []Case{
		numbered(echo(section, rfc, "two", join(first("one "), last("two")), said("one two")), "5.3"),
		echo(section, rfc, "two, binary", join(frame(opBinary, "one "), last("two")), data("one two")),
		echo(section, rfc, "three", join(first("a"), middle("b"), last("c")), said("abc")),
		numbered(echo(section, rfc, "empty ones", join(first(""), middle(""), last("")), said("")), "6.1"),
		echo(section, rfc, "empty first", join(first(""), last("x")), said("x")),
		echo(section, rfc, "empty last", join(first("x"), last("")), said("x")),
		echo(section, rfc, "a hundred of a byte", join(first("x"), []byte(strings.Repeat(string(middle("y")), 98)), last("z")), said("x"+strings.Repeat("y", 98)+"z")),
		echo(section, rfc, "a thousand empty ones", join(first("x"), []byte(strings.Repeat(string(middle("")), 1_000)), last("z")), said("xz")),
		echo(section, rfc, "two messages", join(first("a"), last("b"), first("c"), last("d")), said("ab"), said("cd")),
		echo(section, rfc, "large ones", join(first(letters(70_000)), last(letters(200))), said(letters(70_000)+letters(200))),
		{
			Section: section, Name: "ping between", RFC: rfc, Autobahn: "5.6",
			Steps: []Step{{Send: join(first("one "), ping("now")), Pongs: []string{"now"}}, {Send: last("two"), Messages: []Message{said("one two")}}},
		},
		{
			Section: section, Name: "pings between all", RFC: rfc, Autobahn: "5.19",
			Steps: []Step{
				{Send: join(first("a"), ping("1")), Pongs: []string{"1"}},
				{Send: join(middle("b"), middle("c"), ping("2")), Pongs: []string{"2"}},
				{Send: join(middle("d"), ping("3")), Pongs: []string{"3"}},
				{Send: last("e"), Messages: []Message{said("abcde")}},
			},
		},
		echo(section, rfc, "pong between", join(first("a"), frame(fin|opPong, "unasked"), last("b")), said("ab")),
		{
			Section: section, Name: "close between", RFC: "6455 5.5.1",
			Steps: []Step{{Send: join(first("a"), goodbye(1000, ""))}}, End: answers(1000),
		},
		numbered(breach(section, rfc, "ping in fragments", join(frame(opPing, "a"), last("b")), 1002), "5.1"),
		numbered(breach(section, rfc, "pong in fragments", join(frame(opPong, "a"), last("b")), 1002), "5.2"),
		breach(section, rfc, "close in fragments", join(frame(opClose, "\x03"), last("\xe8")), 1002),
		numbered(breach(section, rfc, "continuation of nothing", last("x"), 1002), "5.9"),
		numbered(breach(section, rfc, "continuation of nothing, not the last", middle("x"), 1002), "5.12"),
		breach(section, rfc, "empty continuation of nothing", last(""), 1002),
		numbered(breach(section, rfc, "text within a message", join(first("a"), text("b")), 1002), "5.18"),
		breach(section, rfc, "binary within a message", join(first("a"), binaryOf("b")), 1002),
		breach(section, rfc, "new fragments within a message", join(first("a"), first("b")), 1002),
		{
			Section: section, Name: "continuation behind a whole message", RFC: rfc, Autobahn: "5.15",
			Steps: []Step{{Send: join(first("a"), last("b")), Messages: []Message{said("ab")}}, {Send: last("c")}}, End: fails(1002),
		},
	}
	return list
}
