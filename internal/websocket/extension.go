package websocket

import "strconv"

const (
	extension           = "permessage-deflate"
	paramServerTakeover = "server_no_context_takeover"
	paramClientTakeover = "client_no_context_takeover"
	paramServerBits     = "server_max_window_bits"
	paramClientBits     = "client_max_window_bits"
	leastBits, mostBits = 8, 15 // of a window
)

// negotiate picks the first offer of permessage-deflate that can be had. bits is the size of the window that the client has
// for what it gets; 0: no compression. An offer with a parameter that RFC 7692 does not know, or knows otherwise, is declined.
func negotiate(list []offer) (bits uint8) {
	for _, o := range list {
		if o.name == extension {
			if bits, ok := windowBits(o.params); ok {
				return bits
			}
		}
	}
	return 0
}

func windowBits(params []param) (bits uint8, ok bool) {
	bits = mostBits
	seen := make(map[string]bool, len(params))
	for _, p := range params {
		if seen[p.name] {
			return 0, false
		}
		seen[p.name] = true
		switch p.name {
		case paramServerTakeover, paramClientTakeover:
			if p.valued {
				return 0, false
			}
		case paramServerBits:
			if bits, ok = parseBits(p.value); !ok {
				return 0, false
			}
		case paramClientBits:
			// It may come without a value. The server's window is always the largest, so nothing is asked of the client.
			if _, ok := parseBits(p.value); p.valued && !ok {
				return 0, false
			}
		default:
			return 0, false
		}
	}
	return bits, true
}

// parseBits reads a number from 8 to 15 without leading zeros.
func parseBits(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n < leastBits || n > mostBits || s[0] == '0' || s[0] == '+' {
		return 0, false
	}
	return uint8(n), true
}

// appendExtension appends the answer to an offer that asked for a window of so many bits.
func appendExtension(dst []byte, bits uint8) []byte {
	dst = append(dst, extension+"; "+paramServerTakeover+"; "+paramClientTakeover...)
	if bits < mostBits {
		dst = append(dst, "; "+paramServerBits+"="...)
		dst = strconv.AppendUint(dst, uint64(bits), 10)
	}
	return dst
}
