package wsconform

import "fmt"

// closings are RFC 6455 sections 5.5.1 and 7.
func closings() []Case {
	const section = "close"
	closes := func(rfc, autobahn, name string, send []byte, codes ...int) Case {
		return Case{Section: section, Name: name, RFC: rfc, Autobahn: autobahn, Steps: []Step{{Send: send}}, End: answers(codes...)}
	}
	list := []Case{
		closes("6455 5.5.1", "7.3.1", "without a code", frame(fin|opClose, ""), 0, 1000),
		closes("6455 5.5.1", "7.3.3", "with a code", goodbye(1000, ""), 1000),
		closes("6455 5.5.1", "7.3.4", "with a reason", goodbye(1000, "so long"), 1000),
		closes("6455 5.5", "7.3.5", "with the longest reason", goodbye(1000, letters(mostControl-2)), 1000),
		closes("6455 5.5.1", "", "reason in many scripts", goodbye(1000, "κόσμε 世界 🌍"), 1000),
		closes("6455 5.5.1", "", "reason of a NUL", goodbye(1000, "\x00"), 1000),
		closes("6455 5.5.1", "7.1.2", "twice", join(goodbye(1000, ""), goodbye(1000, "")), 1000),
		closes("6455 5.5.1", "7.1.3", "ping behind it", join(goodbye(1000, ""), ping("late")), 1000),
		closes("6455 5.5.1", "7.1.4", "text behind it", join(goodbye(1000, ""), text("late")), 1000),
		closes("6455 5.5.1", "7.1.5", "rest of a message behind it", join(frame(opText, "a"), goodbye(1000, ""), frame(fin|opContinuation, "b")), 1000),
		closes("6455 5.5.1", "7.1.6", "much behind it", join(goodbye(1000, ""), binaryOf(letters(70_000))), 1000),
		closes("6455 5.5.1", "", "a breach behind it", join(goodbye(1000, ""), []byte{0xff, 0x00}), 1000),
		numbered(breach(section, "6455 5.5.1", "half a code", frame(fin|opClose, "\x03"), 1002), "7.3.2"),
		numbered(breach(section, "6455 5.5", "126 bytes", goodbye(1000, letters(mostControl-1)), 1002), "7.3.6"),
		numbered(breach(section, "6455 8.1", "reason that is not UTF-8", goodbye(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), 1007), "7.5.1"),
		breach(section, "6455 8.1", "reason that is cut", goodbye(1000, "\xf0\x9f\x8c"), 1007),
		breach(section, "6455 8.1", "reason of a lone byte", goodbye(1000, "\xff"), 1007),
	}
	for _, code := range []int{1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3001, 3999, 4000, 4500, 4999} {
		list = append(list, closes("6455 7.4", "7.7", fmt.Sprintf("code %d", code), goodbye(code, ""), code, 1000))
	}
	for _, code := range []int{1012, 1013, 1014} { // the registry of section 11.7 has them by now
		list = append(list, closes("6455 11.7", "", fmt.Sprintf("code %d", code), goodbye(code, ""), code, 1000))
	}
	for _, code := range []int{0, 1, 999, 1005, 1006, 1015} {
		list = append(list, numbered(breach(section, "6455 7.4", fmt.Sprintf("code %d", code), goodbye(code, ""), 1002), "7.9"))
	}
	// What is reserved for later versions of the protocol is not defined, so nobody may send it; a server cannot know them all.
	for _, code := range []int{1004, 1016, 1100, 2000, 2999} {
		list = append(list, numbered(breach(section, "6455 7.4.2", fmt.Sprintf("code %d", code), goodbye(code, "why"), 1002).tolerable(), "7.9"))
	}
	for _, code := range []int{5000, 32_768, 65_535} {
		list = append(list, numbered(breach(section, "6455 7.4.2", fmt.Sprintf("code %d", code), goodbye(code, ""), 1002).tolerable(), "7.13"))
	}
	patient := breach(section, "6455 7.1.1", "a failed connection is ended", frame(fin|opBinary|rsv2, ""), 1002)
	patient.End.Patient = true
	message := closes("6455 5.5.1", "7.1.1", "behind a message", goodbye(1000, ""), 1000)
	message.Steps = append([]Step{{Send: text("Hello"), Messages: []Message{said("Hello")}}}, message.Steps...)
	return append(list, patient, message)
}

// limits are RFC 6455 section 10.4: a server that has a limit answers with 1009 (section 7.4.1).
func limits(t *Target) []Case {
	if t.Limit == 0 {
		return nil
	}
	const section, rfc = "limit", "6455 10.4"
	n := t.Limit
	full, half := letters(n), letters(n)[:n/2]
	head := func(first byte, n int) []byte { return join([]byte{first}, sized(0, length(n), "")[1:]) }
	list := []Case{
		echo(section, rfc, "the largest text", text(full), said(full)),
		echo(section, rfc, "the largest binary", binaryOf(full), data(full)),
		echo(section, rfc, "the largest, in two", join(frame(opBinary, half), frame(fin|opContinuation, full[len(half):])), data(full)),
		echo(section, rfc, "one less", binaryOf(full[1:]), data(full[1:])),
		echo(section, rfc, "the largest, twice", join(binaryOf(full), binaryOf(full)), data(full), data(full)),
		breach(section, rfc, "one more", binaryOf(full+"x"), 1009),
		breach(section, rfc, "one more, announced", head(fin|opBinary, n+1), 1009),
		breach(section, rfc, "twice as much, announced", head(fin|opBinary, 2*n), 1009),
		breach(section, rfc, "2^31 announced", sized(fin|opBinary, length64(1<<31), ""), 1009),
		breach(section, rfc, "2^32 announced", sized(fin|opBinary, length64(1<<32), ""), 1009),
		breach(section, rfc, "2^62 announced", sized(fin|opBinary, length64(1<<62), ""), 1009),
		breach(section, rfc, "one more in the last of two", join(frame(opBinary, full), frame(fin|opContinuation, "x")), 1009),
		breach(section, rfc, "one more in the first of two", join(frame(opBinary, full+"x")), 1009),
		breach(section, rfc, "one more in small ones", join(frame(opBinary, full[:n-2]), frame(opContinuation, "x"), frame(opContinuation, "y"), frame(fin|opContinuation, "z")), 1009),
		breach(section, rfc, "text, one more", text(full+"x"), 1009),
		breach(section, rfc, "2^40 announced within a message", join(frame(opBinary, "x"), sized(opContinuation, length64(1<<40), "")), 1009),
	}
	return list
}
