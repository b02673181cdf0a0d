package wsconform

import (
	"fmt"
	"strings"
)

// row is a line of the grammar of RFC 3629 section 4: a range for each byte.
type row struct {
	name string
	from []byte
	to   []byte
}

// grammar is RFC 3629 section 4.
func grammar() []row {
	return []row{
		{"UTF8-1", []byte{0x00}, []byte{0x7f}},
		{"UTF8-2", []byte{0xc2, 0x80}, []byte{0xdf, 0xbf}},
		{"UTF8-3 E0", []byte{0xe0, 0xa0, 0x80}, []byte{0xe0, 0xbf, 0xbf}},
		{"UTF8-3 E1-EC", []byte{0xe1, 0x80, 0x80}, []byte{0xec, 0xbf, 0xbf}},
		{"UTF8-3 ED", []byte{0xed, 0x80, 0x80}, []byte{0xed, 0x9f, 0xbf}},
		{"UTF8-3 EE-EF", []byte{0xee, 0x80, 0x80}, []byte{0xef, 0xbf, 0xbf}},
		{"UTF8-4 F0", []byte{0xf0, 0x90, 0x80, 0x80}, []byte{0xf0, 0xbf, 0xbf, 0xbf}},
		{"UTF8-4 F1-F3", []byte{0xf1, 0x80, 0x80, 0x80}, []byte{0xf3, 0xbf, 0xbf, 0xbf}},
		{"UTF8-4 F4", []byte{0xf4, 0x80, 0x80, 0x80}, []byte{0xf4, 0x8f, 0xbf, 0xbf}},
	}
}

const sectionUTF8 = "utf8"

func good(rfc, autobahn, name, words string) Case {
	return numbered(echo(sectionUTF8, rfc, name, text(words), said(words)), autobahn)
}

func bad(rfc, autobahn, name, words string) Case {
	return numbered(breach(sectionUTF8, rfc, name, text(words), 1007), autobahn)
}

// texts are RFC 6455 section 8.1 and RFC 3629, made from its grammar.
func texts() []Case {
	var list []Case
	for _, r := range grammar() {
		list = append(list, fromRow(r)...)
	}
	list = append(list, neverValid()...)
	list = append(list, points()...)
	list = append(list, splits()...)
	return append(list, early()...)
}

// fromRow makes what a row of the grammar allows, at both ends of its ranges, and what it does not: sequences that are cut, at
// the end of the message and before another character, and bytes just outside of each range.
func fromRow(r row) []Case {
	const rfc = "3629 4"
	list := []Case{
		good(rfc, "6.6", r.name+" first", "<"+string(r.from)+">"),
		good(rfc, "6.6", r.name+" last", "<"+string(r.to)+">"),
	}
	for cut := 1; cut < len(r.from); cut++ {
		list = append(list,
			bad(rfc, "6.12", fmt.Sprintf("%s cut behind byte %d", r.name, cut), "<"+string(r.to[:cut])),
			bad(rfc, "6.16", fmt.Sprintf("%s cut behind byte %d, then more", r.name, cut), "<"+string(r.from[:cut])+">"))
	}
	for i := 1; i < len(r.from); i++ {
		below, above := []byte(string(r.from)), []byte(string(r.to))
		below[i], above[i] = r.from[i]-1, r.to[i]+1
		list = append(list,
			bad(rfc, "6.3", fmt.Sprintf("%s byte %d is %#x", r.name, i+1, below[i]), string(below)),
			bad(rfc, "6.3", fmt.Sprintf("%s byte %d is %#x", r.name, i+1, above[i]), string(above)))
	}
	return list
}

// neverValid are bytes and sequences that no UTF-8 has.
func neverValid() []Case {
	var list []Case
	for _, b := range []byte{0xc0, 0xc1, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff} {
		list = append(list, bad("3629 1", "6.14", fmt.Sprintf("byte %#x", b), "a"+string([]byte{b})+"\x80\x80\x80\x80\x80"))
	}
	for _, b := range []byte{0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf} {
		list = append(list, bad("3629 3", "6.11", fmt.Sprintf("lone %#x", b), "a"+string([]byte{b})+"b"))
	}
	for _, tc := range []struct{ autobahn, name, words string }{
		{"6.11", "all continuations", "\x80\x81\x82\xbd\xbe\xbf"},
		{"6.17", "overlong NUL in 2", "\xc0\x80"},
		{"6.18", "overlong NUL in 3", "\xe0\x80\x80"},
		{"6.18", "overlong NUL in 4", "\xf0\x80\x80\x80"},
		{"6.18", "overlong NUL in 5", "\xf8\x80\x80\x80\x80"},
		{"6.18", "overlong NUL in 6", "\xfc\x80\x80\x80\x80\x80"},
		{"6.19", "overlong slash in 2", "\xc0\xaf"},
		{"6.19", "overlong slash in 3", "\xe0\x80\xaf"},
		{"6.19", "overlong slash in 4", "\xf0\x80\x80\xaf"},
		{"6.19", "largest overlong in 2", "\xc1\xbf"},
		{"6.19", "largest overlong in 3", "\xe0\x9f\xbf"},
		{"6.19", "largest overlong in 4", "\xf0\x8f\xbf\xbf"},
		{"6.20", "surrogate D800", "\xed\xa0\x80"},
		{"6.20", "surrogate DB7F", "\xed\xad\xbf"},
		{"6.20", "surrogate DC00", "\xed\xb0\x80"},
		{"6.20", "surrogate DFFF", "\xed\xbf\xbf"},
		{"6.21", "surrogates in a pair", "\xed\xa0\xbd\xed\xb8\x80"},
		{"6.21", "surrogates in a pair, the wrong way", "\xed\xb0\x80\xed\xa0\x80"},
		{"6.4", "U+110000", "\xf4\x90\x80\x80"},
		{"6.4", "U+13FFFF", "\xf4\xbf\xbf\xbf"},
		{"6.4", "U+140000", "\xf5\x80\x80\x80"},
		{"6.4", "U+1FFFFF", "\xf7\xbf\xbf\xbf"},
		{"6.9", "5 bytes", "\xf8\x88\x80\x80\x80"},
		{"6.10", "6 bytes", "\xfc\x84\x80\x80\x80\x80"},
		{"6.15", "UTF-16", "\xff\xfeh\x00i\x00"},
		{"6.15", "Latin-1", "gr\xfc\xdfe"},
	} {
		list = append(list, bad("3629 3", tc.autobahn, tc.name, tc.words))
	}
	return append(list,
		bad("6455 8.1", "6.3", "wrong at the end of a long text", letters(65_535)+"\xff"),
		bad("6455 8.1", "6.3", "wrong at the start of a long text", "\xff"+letters(65_535)),
	)
}

// points are characters that implementations trip over.
func points() []Case {
	var list []Case
	for _, group := range []struct {
		autobahn string
		points   []rune
	}{
		{"6.6", []rune{0}},
		{"6.7", []rune{0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0x10000}},
		{"6.8", []rune{0xfeff}},
		{"6.22", []rune{0xfffd, 0xfffe, 0xffff, 0x1fffe, 0x1ffff, 0x8ffff, 0xfffff, 0x10fffe, 0x10ffff}},
	} {
		for _, point := range group.points {
			list = append(list, good("3629 3", group.autobahn, fmt.Sprintf("U+%04X", point), string(point)))
		}
	}
	return append(list,
		good("6455 5.6", "6.1", "nothing", ""),
		good("6455 5.6", "6.2", "many scripts", many),
		good("6455 5.6", "6.5", "many scripts, often", strings.Repeat(many, 500)),
		numbered(echo(sectionUTF8, "6455 5.6", "binary is not looked at", binaryOf("\xff\xfe\xc0\x80\xed\xa0\x80"), data("\xff\xfe\xc0\x80\xed\xa0\x80")), "1.2"),
	)
}

// many has characters of 1 to 4 bytes.
const many = "aé世🌍z"

// splits cut a text at each of its bytes, across frames; whether it is UTF-8 shows with its last one only.
func splits() []Case {
	var list []Case
	for at := range len(many) + 1 {
		list = append(list, numbered(echo(sectionUTF8, "6455 5.6", fmt.Sprintf("split behind byte %d", at),
			join(frame(opText, many[:at]), frame(fin|opContinuation, many[at:])), said(many)), "6.2"))
	}
	bytewise, broken := frame(opText, ""), frame(opText, "")
	for i := range len(many) {
		bytewise = append(bytewise, frame(opContinuation, many[i:i+1])...)
		if i != 2 {
			broken = append(broken, frame(opContinuation, many[i:i+1])...)
		}
	}
	end := frame(fin|opContinuation, "")
	return append(list,
		numbered(echo(sectionUTF8, "6455 5.6", "a frame for each byte", join(bytewise, end), said(many)), "6.2"),
		numbered(breach(sectionUTF8, "6455 8.1", "a frame for each byte, one missing", join(broken, end), 1007), "6.3"),
		numbered(breach(sectionUTF8, "6455 8.1", "cut, and the end is empty", join(frame(opText, "a\xe4\xb8"), end), 1007), "6.3"),
		numbered(breach(sectionUTF8, "6455 8.1", "cut by a close", join(frame(opText, "a\xff"), goodbye(1000, "")), 1007).tolerable(), ""),
	)
}

// early are messages that have gone wrong before they end: a strict server does not wait for the rest.
func early() []Case {
	of := func(autobahn, name string, first, second []byte, how Early) Case {
		return Case{
			Section: sectionUTF8, Name: name, RFC: "6455 8.1", Autobahn: autobahn,
			Steps: []Step{{Send: first, Early: how}, {Send: second}}, End: fails(1007),
		}
	}
	const words = "κόσμε\xf4\x90\x80\x80edited"
	whole := text(words)
	rest := frame(fin|opContinuation, "edited")
	return []Case{
		of("6.4.1", "early, by frames", join(frame(opText, "κόσμε\xf4\x90\x80\x80"), ping("?")), rest, ByPong),
		of("6.4.2", "early, by frames, within a character", join(frame(opText, "κόσμε\xf4"), frame(opContinuation, "\x90"), ping("?")), rest, ByPong),
		of("6.4.3", "early, within a frame", whole[:len(whole)-6], whole[len(whole)-6:], ByTime),
		of("6.4.4", "early, within a frame and a character", whole[:len(whole)-8], whole[len(whole)-8:], ByTime),
	}
}
