// Package receipt is who has got and who has read what: read positions, and what devices are known to have, as other members see them.
// Receipts are no entries. They are made of the positions that stand in the member rows anyway ([Positions]); what changes is told to those who
// have the conversation in view, the newest position of each member, and is among the first that a server leaves out.
//
//	mark_read ──► append ──────────────────────────┐
//	received  ──► [Hub]: newest per member ──► append ──► [Hub]: once in a moment, all of a conversation together ──► who has it in view
//	get_receipts, list_receipts ──► [Service]: the member rows, without what is not for the one who asks
//
// Beside the life of a message: an append never waits for a receipt. The package imports chat.
package receipt
