// Package archive carries whole installs in and out: as JSON lines that any tool can read ([Export], [Import]), and from
// the export of Slack ([ConvertSlack]).
//
// An export is one JSON object a line, in this order, each with its type:
//
//	throng        version, origin, created_ms                              once, first
//	user          the account, without its password unless asked for       by id
//	conversation  what stands about it                                     by id, followed by its
//	  entry       seq, ordinal, sender, time, client id, body              by seq
//	  member      role, spans, mute; for other readers, an import replays the entries
//	  read        the read position of a member
//	relation      what a user said about another one
//	setting       a user's own settings for a conversation
//	end           counts, once, last: an export without it was cut off
//
// An import puts every entry through the append path, as a draft with its own time, so that what it leaves is what the
// log would have decided then. It may be stopped and repeated: users are found by external id or handle, conversations by
// the origin's id, entries by client id or seq. Ids stay as they were wherever they are free.
//
// It imports chat alone; the wiring gives it a [Source] and a [Target].
package archive
