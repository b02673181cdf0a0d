package wsconform

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
)

// deflated is RFC 7692 section 7.2.1. It panics on nothing: a buffer takes everything.
func deflated(words string, level int) string {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, level)
	if err != nil {
		return err.Error() // the level is no level, and the message no DEFLATE
	}
	_, _ = z.Write([]byte(words))
	_ = z.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

const (
	sectionDeflate = "deflate"
	// hello is RFC 7692 section 7.2.3.1's.
	hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
)

// offering is a case of a connection that agreed on permessage-deflate.
func offering(k Case, offer string) Case {
	k.Shake = &Shake{Deflate: true, Edit: add("Sec-WebSocket-Extensions: " + offer)}
	return k
}

const plainOffer = "permessage-deflate; " + clientTakeover + "; " + serverTakeover

func inflates(rfc, autobahn, name string, send []byte, back ...Message) Case {
	return offering(numbered(echo(sectionDeflate, rfc, name, send, back...), autobahn), plainOffer)
}

func deflateBreach(rfc, name string, send []byte, codes ...int) Case {
	return offering(breach(sectionDeflate, rfc, name, send, codes...), plainOffer)
}

// deflates are RFC 7692.
func deflates(t *Target) []Case {
	list := append(negotiations(), compressedMessages()...)
	if t.Limit > 0 {
		fits, over := strings.Repeat("a", t.Limit), strings.Repeat("a", t.Limit+1)
		list = append(list,
			inflates("7692 8", "", "the largest", frame(fin|rsv1|opBinary, deflated(fits, 9)), data(fits)),
			deflateBreach("7692 8", "one more", frame(fin|rsv1|opBinary, deflated(over, 9)), 1009),
			deflateBreach("7692 8", "a bomb", frame(fin|rsv1|opBinary, deflated(strings.Repeat("a", 200*t.Limit), 9)), 1009),
		)
	}
	return list
}

// negotiations are RFC 7692 sections 5 and 7.1.
func negotiations() []Case {
	offer := func(rfc, name, offers string, check func(a *Answer) string) Case {
		return Case{
			Section: sectionDeflate, Name: name, RFC: rfc, Autobahn: "13",
			Shake: &Shake{Edit: add("Sec-WebSocket-Extensions: " + offers), Check: check},
		}
	}
	declined := func(name, offers string) Case {
		k := offer("7692 7.1", name, offers, func(a *Answer) string {
			if a.Deflate != nil {
				return fmt.Sprintf("agreed to %q with %v", offers, a.Deflate)
			}
			return ""
		})
		k.Shake.MayRefuse = true
		return k
	}
	has := func(name, want string) func(*Answer) string {
		return func(a *Answer) string {
			if got, ok := a.Deflate[name]; a.Deflate != nil && (!ok || got != want) {
				return fmt.Sprintf("agreed on %v, wanted %s=%s", a.Deflate, name, want)
			}
			return ""
		}
	}
	lacks := func(name string) func(*Answer) string {
		return func(a *Answer) string {
			if _, ok := a.Deflate[name]; ok {
				return fmt.Sprintf("agreed on %v, and nobody offered %s", a.Deflate, name)
			}
			return ""
		}
	}
	bare := Case{Section: sectionDeflate, Name: "not offered", RFC: "7692 6", Steps: []Step{{Send: frame(fin|rsv1|opBinary, hello)}}, End: fails(1002)}
	list := []Case{
		bare,
		offer("7692 7.1.2.2", "plain offer", "permessage-deflate", lacks(clientBits)),
		offer("7692 7.1.1.1", "server without takeover", "permessage-deflate; "+serverTakeover, has(serverTakeover, "")),
		offer("7692 7.1.2.1", "smaller window", "permessage-deflate; "+serverBits+"=10", has(serverBits, "10")),
		offer("7692 7.1.2.1", "smaller window in quotes", "permessage-deflate; "+serverBits+`="10"`, has(serverBits, "10")),
		offer("7692 7.1.2.2", "client's window without a number", "permessage-deflate; "+clientBits, nil),
		offer("7692 5.1", "a second offer", "permessage-deflate; unknown=1, permessage-deflate", lacks("unknown")),
		offer("7692 5", "another extension first", "x-unknown, permessage-deflate", nil),
		declined("unknown parameter", "permessage-deflate; unknown"),
		declined("window of 7 bits", "permessage-deflate; "+serverBits+"=7"),
		declined("window of 16 bits", "permessage-deflate; "+serverBits+"=16"),
		declined("window with a leading zero", "permessage-deflate; "+serverBits+"=010"),
		declined("window without a number", "permessage-deflate; "+serverBits),
		declined("client's window of 16 bits", "permessage-deflate; "+clientBits+"=16"),
		declined("takeover with a value", "permessage-deflate; "+serverTakeover+"=1"),
		declined("a parameter twice", "permessage-deflate; "+serverTakeover+"; "+serverTakeover),
		declined("a name like it", "permessage-deflate2"),
	}
	return list
}

// compressedMessages are RFC 7692 sections 6 and 7.2.
func compressedMessages() []Case {
	const first, whole = rsv1 | opText, fin | rsv1 | opText
	long := strings.Repeat(many+" and so on, ", 4_000)
	again := offering(Case{Section: sectionDeflate, Name: "a context that was to be forgotten", RFC: "7692 7.1.1.2", Steps: []Step{
		{Send: frame(whole, hello), Messages: []Message{said("Hello")}}, {Send: frame(whole, "\xf2\x00\x11\x00\x00")},
	}, End: fails(1007)}.tolerable(), plainOffer)
	again.Shake.NoTakeover = true
	list := []Case{
		inflates("7692 7.2.3.1", "12.1", "one block", frame(whole, hello), said("Hello")),
		inflates("7692 7.2.3.1", "12.1", "in fragments", join(frame(first, hello[:3]), frame(fin|opContinuation, hello[3:])), said("Hello")),
		inflates("7692 7.2.3.1", "12.1", "a frame for each byte", join(frame(first, hello[:1]), frame(0, hello[1:2]), frame(0, hello[2:3]), frame(0, hello[3:4]),
			frame(0, hello[4:5]), frame(0, hello[5:6]), frame(fin, hello[6:])), said("Hello")),
		inflates("7692 7.2.3.1", "12.1", "empty frames around", join(frame(first, ""), frame(0, hello), frame(fin, "")), said("Hello")),
		inflates("7692 7.2.3.3", "12.1", "block without compression", frame(whole, "\x00\x05\x00\xfa\xffHello\x00"), said("Hello")),
		inflates("7692 7.2.3.4", "12.1", "final block", frame(whole, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), said("Hello")),
		inflates("7692 7.2.3.5", "12.1", "two blocks", frame(whole, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), said("Hello")),
		inflates("7692 7.2.3.6", "12.1", "nothing", frame(whole, "\x00"), said("")),
		inflates("7692 6.1", "12.1", "not compressed", text("Hello"), said("Hello")),
		inflates("7692 6.1", "12.1", "not compressed, in fragments", join(frame(opText, "Hel"), frame(fin, "lo")), said("Hello")),
		inflates("7692 6.1", "12.1", "now and then", join(frame(whole, hello), text("plain"), frame(whole, hello)), said("Hello"), said("plain"), said("Hello")),
		inflates("7692 7.2.1", "12.2", "binary", frame(fin|rsv1|opBinary, deflated("\x00\xff\xc0", 6)), data("\x00\xff\xc0")),
		inflates("7692 7.2.1", "12.1", "long", frame(whole, deflated(long, 6)), said(long)),
		inflates("7692 7.2.1", "12.1", "long, stored", frame(whole, deflated(long, 0)), said(long)),
		inflates("7692 7.2.1", "12.1", "long, without matches", frame(whole, deflated(long, flate.HuffmanOnly)), said(long)),
		{
			Section: sectionDeflate, Name: "ping between", RFC: "7692 6.1", Shake: &Shake{Deflate: true, Edit: add("Sec-WebSocket-Extensions: " + plainOffer)},
			Steps: []Step{{Send: join(frame(first, hello[:3]), ping("now")), Pongs: []string{"now"}}, {Send: frame(fin, hello[3:]), Messages: []Message{said("Hello")}}},
		},
		again,
		deflateBreach("7692 6.1", "RSV1 on a continuation", join(frame(first, hello[:3]), frame(fin|rsv1, hello[3:])), 1002),
		deflateBreach("7692 6.1", "RSV1 on a ping", frame(fin|rsv1|opPing, ""), 1002),
		deflateBreach("7692 6", "RSV2 too", frame(whole|rsv2, hello), 1002),
		deflateBreach("7692 6", "RSV3", frame(fin|rsv3|opText, hello), 1002),
		deflateBreach("7692 7.2.2", "no DEFLATE", frame(whole, "\xff\xff\xff\xff"), 1007),
		deflateBreach("7692 7.2.2", "cut", frame(whole, hello[:4]), 1007).tolerable(), // it binds senders only
		deflateBreach("1951 3.2.4", "stored block with a wrong length", frame(whole, "\x00\x05\x00\x00\x00Hello\x00"), 1007),
		deflateBreach("1951 3.2.3", "distance before the start", frame(whole, "\x02\x02\x00\x00"), 1007),
		deflateBreach("6455 8.1", "not UTF-8", frame(whole, deflated("a\xffb", 6)), 1007),
		deflateBreach("6455 8.1", "not UTF-8, in fragments", join(frame(first, deflated("a\xffb", 6)[:2]), frame(fin, deflated("a\xffb", 6)[2:])), 1007),
	}
	return list
}
