// Package wire translates between the nouns of [chat] and the schema in proto/throng/v1, and owns the encodings of frames.
//
// In the life of a message it stands at both doors: a client's bytes become envelopes ([DecodeClientFrame]), an envelope's
// request becomes a draft ([Actor.Draft]), and what comes back (results, entries, errors) becomes envelopes again
// ([AppendEnvelope], [EncodeEntry]).
//
// A server frame is made of pieces: the encoding of one envelope each, made once and copied into the frame of every
// receiver.
//
//	throng.v1.proto   piece = ServerFrame{one envelope}      frame = piece piece piece
//	throng.v1.json    piece = {…the envelope…}               frame = {"envelopes":[piece,piece,piece]}
//
// errors.go is the one place where error codes meet the numbers of other worlds: protobuf, Connect, HTTP, WebSocket.
//
// It imports chat and the generated schema. Nothing here does I/O or keeps state.
package wire
