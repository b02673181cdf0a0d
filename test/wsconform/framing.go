package wsconform

import (
	"fmt"
	"strconv"
	"strings"
)

// letters is a text of n bytes whose bytes differ from place to place, so that a wrong mask or a wrong order shows.
func letters(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(strconv.Itoa(i))
		b.WriteByte(' ')
	}
	return b.String()[:n]
}

// edges are the payloads at which the encoding of the length changes, and their neighbours.
func edges() []int { return []int{0, 1, 125, 126, 127, 128, 65_535, 65_536} }

// echo is a case whose message comes back as it went.
func echo(section, rfc, name string, send []byte, back ...Message) Case {
	return Case{Section: section, Name: name, RFC: rfc, Steps: []Step{{Send: send, Messages: back}}}
}

// breach is a case that the server fails.
func breach(section, rfc, name string, send []byte, codes ...int) Case {
	return Case{Section: section, Name: name, RFC: rfc, Steps: []Step{{Send: send}}, End: fails(codes...)}
}

// tolerable says that a server that goes on is lenient.
func (c Case) tolerable() Case {
	c.End.Tolerable = true
	return c
}

// pinged has a ping answered before the case's own steps.
func (c Case) pinged() Case {
	c.Steps = append([]Step{{Send: ping("first"), Pongs: []string{"first"}}}, c.Steps...)
	return c
}

func numbered(k Case, autobahn string) Case {
	k.Autobahn = autobahn
	return k
}

// framings are lengths and masks (RFC 6455 sections 5.2 and 5.3).
func framings() []Case {
	var list []Case
	for _, n := range edges() {
		words := letters(n)
		list = append(list,
			numbered(echo("framing", "6455 5.2", fmt.Sprintf("text of %d", n), text(words), said(words)), "1.1"),
			numbered(echo("framing", "6455 5.2", fmt.Sprintf("binary of %d", n), binaryOf(words), data(words)), "1.2"))
	}
	// The RFC binds senders to the shortest form, and to lengths below 2^63; it leaves to receivers what they do about others.
	for _, n := range edges() {
		if n < 126 {
			list = append(list, breach("framing", "6455 5.2", fmt.Sprintf("16-bit length of %d", n), sized(fin|opBinary, length16(n), letters(n)), 1002).tolerable())
		}
		if n < 1<<16 {
			list = append(list, breach("framing", "6455 5.2", fmt.Sprintf("64-bit length of %d", n), sized(fin|opBinary, length64(uint64(n)), letters(n)), 1002).tolerable())
		}
	}
	for _, tc := range []struct {
		name string
		send []byte
	}{
		{"unmasked text", []byte{fin | opText, 2, 'h', 'i'}},
		{"unmasked empty binary", []byte{fin | opBinary, 0}},
		{"unmasked ping", []byte{fin | opPing, 0}},
		{"unmasked close", []byte{fin | opClose, 2, 3, 232}},
		{"unmasked continuation", join(frame(opText, "a"), []byte{fin | opContinuation, 1, 'b'})},
	} {
		list = append(list, breach("framing", "6455 5.1", tc.name, tc.send, 1002))
	}
	list = append(list, breach("framing", "6455 5.1", "unmasked behind a masked ping", []byte{fin | opBinary, 1, 'x'}, 1002).pinged())
	zeros := append([]byte{fin | opText, mask | 5, 0, 0, 0, 0}, "clear"...)
	list = append(list,
		echo("framing", "6455 5.3", "mask of zeros", zeros, said("clear")),
		echo("framing", "6455 5.7", "the RFC's masked Hello", []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}, said("Hello")),
		echo("framing", "6455 5.2", "three in one write", join(text("one"), binaryOf("two"), text("")), said("one"), data("two"), said("")),
		breach("framing", "6455 5.2", "length with the top bit", sized(fin|opBinary, length64(1<<63), ""), 1002, 1009).tolerable(),
		breach("framing", "6455 5.2", "length of ones", sized(fin|opBinary, length64(1<<64-1), ""), 1002, 1009).tolerable(),
	)
	return list
}

// pings are RFC 6455 sections 5.5.2 and 5.5.3.
func pings() []Case {
	pinged := func(autobahn, name string, sent ...string) Case {
		k := Case{Section: "ping", Name: name, RFC: "6455 5.5.2", Autobahn: autobahn, Steps: []Step{{Pongs: sent}}}
		for _, s := range sent {
			k.Steps[0].Send = append(k.Steps[0].Send, ping(s)...)
		}
		return k
	}
	ten := make([]string, 10)
	for i := range ten {
		ten[i] = "ping " + strconv.Itoa(i)
	}
	one := Case{Section: "ping", Name: "ten, one after another", RFC: "6455 5.5.3", Autobahn: "2.11"}
	for _, s := range ten {
		one.Steps = append(one.Steps, Step{Send: ping(s), Pongs: []string{s}})
	}
	pong := frame(fin|opPong, "unasked")
	return []Case{
		pinged("2.1", "empty", ""),
		pinged("2.2", "text", "Hello"),
		pinged("2.3", "bytes that are no text", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
		pinged("2.4", "125 bytes", letters(mostControl)),
		numbered(breach("ping", "6455 5.5", "126 bytes", frame(fin|opPing, letters(126)), 1002), "2.5"),
		pinged("2.10", "ten", ten...),
		one,
		{Section: "ping", Name: "pong unasked", RFC: "6455 5.5.3", Autobahn: "2.7", Steps: []Step{{Send: pong}}},
		{
			Section: "ping", Name: "pong unasked, then a ping", RFC: "6455 5.5.3", Autobahn: "2.9",
			Steps: []Step{{Send: join(pong, ping("asked")), Pongs: []string{"asked"}}},
		},
		breach("ping", "6455 5.5", "pong of 126 bytes", frame(fin|opPong, letters(126)), 1002),
		breach("ping", "6455 5.5", "fragmented", join(frame(opPing, "a"), frame(fin|opContinuation, "b")), 1002),
		breach("ping", "6455 5.5", "fragmented pong", join(frame(opPong, "a"), frame(fin|opContinuation, "b")), 1002),
		breach("ping", "6455 5.5", "126 bytes announced, none sent", []byte{fin | opPing, mask | 126}, 1002),
	}
}

// reserved are the RSV bits, without an extension (RFC 6455 section 5.2).
func reserved() []Case {
	var list []Case
	for bits := 1; bits <= 7; bits++ {
		first := byte(bits) << 4
		for _, tc := range []struct {
			what string
			send []byte
		}{
			{"text", frame(fin|first|opText, "x")},
			{"ping", frame(fin|first|opPing, "x")},
		} {
			list = append(list, numbered(breach("rsv", "6455 5.2", fmt.Sprintf("%03b on a %s", bits, tc.what), tc.send, 1002), "3."+strconv.Itoa(bits)))
		}
	}
	return append(list,
		breach("rsv", "6455 5.2", "on a close", frame(fin|rsv2|opClose, "\x03\xe8"), 1002),
		breach("rsv", "6455 5.2", "on a continuation", join(frame(opText, "a"), frame(fin|rsv1|opContinuation, "b")), 1002),
		breach("rsv", "6455 5.2", "behind a ping", frame(fin|rsv3|opBinary, "x"), 1002).pinged(),
	)
}

// opcodes that nobody has defined (RFC 6455 section 5.2).
func opcodes() []Case {
	var list []Case
	for _, op := range []byte{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		group := "4.1"
		if op >= opClose {
			group = "4.2"
		}
		list = append(list,
			numbered(breach("opcode", "6455 5.2", fmt.Sprintf("%#x", op), frame(fin|op, "x"), 1002), group),
			numbered(breach("opcode", "6455 5.2", fmt.Sprintf("%#x empty", op), frame(fin|op, ""), 1002), group))
	}
	return append(list,
		numbered(breach("opcode", "6455 5.2", "in fragments", frame(3, "x"), 1002), "4.1"),
		numbered(breach("opcode", "6455 5.2", "within a message", join(frame(opText, "a"), frame(fin|0xB, "")), 1002), "4.2"))
}
