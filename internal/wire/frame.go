package wire

const (
	jsonFrameBegin = `{"envelopes":[`
	jsonFrameEnd   = `]}`
)

// BeginFrame appends what stands before the first piece of a frame. dst need not be empty.
func BeginFrame(sub Subprotocol, dst []byte) []byte {
	if sub == JSON {
		return append(dst, jsonFrameBegin...)
	}
	return dst
}

// AddPiece appends a piece to a frame that was begun.
func AddPiece(sub Subprotocol, dst, piece []byte) []byte {
	if sub == JSON && len(dst) > 0 && dst[len(dst)-1] == '}' {
		dst = append(dst, ',')
	}
	return append(dst, piece...)
}

// EndFrame appends what stands behind the last piece.
func EndFrame(sub Subprotocol, dst []byte) []byte {
	if sub == JSON {
		return append(dst, jsonFrameEnd...)
	}
	return dst
}

// JoinFrames appends one frame of all pieces to dst.
func JoinFrames(sub Subprotocol, dst []byte, pieces ...[]byte) []byte {
	dst = BeginFrame(sub, dst)
	for _, p := range pieces {
		dst = AddPiece(sub, dst, p)
	}
	return EndFrame(sub, dst)
}

// FrameOverhead is the most that a frame adds to the sizes of n pieces.
func FrameOverhead(sub Subprotocol, n int) int {
	if sub == JSON {
		return len(jsonFrameBegin) + len(jsonFrameEnd) + n
	}
	return 0
}
