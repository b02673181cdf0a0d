package failpoint

// Point is a named place in the code.
type Point string

// The points, in the order in which a message meets them.
const (
	SubmitQueued       Point = "submit_queued"        // a draft stands in a shard's queue
	AppendCollected    Point = "append_collected"     // a shard's worker took a batch from its queue
	AppendDecideBefore Point = "append_decide_before" // the writer's lock is held, nothing is decided
	AppendEntry        Point = "append_entry"         // an entry row is in the batch
	AppendRepeat       Point = "append_repeat"        // a repeat row is in the batch
	AppendMember       Point = "append_member"        // a member row is in the batch
	AppendHead         Point = "append_head"          // a head row is in the batch
	AppendEvent        Point = "append_event"         // the events row is in the batch
	CommitBefore       Point = "commit_before"        // before the batch goes to the log file
	CommitAfter        Point = "commit_after"         // the batch is applied, not synced
	SyncBefore         Point = "sync_before"
	SyncAfter          Point = "sync_after"     // durable, nobody told
	PublishBefore      Point = "publish_before" // before followers get the events
	PublishAfter       Point = "publish_after"
	AckBefore          Point = "ack_before" // durable, before senders are answered
	AckAfter           Point = "ack_after"
	FollowBefore       Point = "follow_before" // before a follower handles a batch
	FollowAfter        Point = "follow_after"  // handled, the follower's position not moved
	TrimBefore         Point = "trim_before"
	LeaseBefore        Point = "lease_before" // before a block of ids is stored
	LeaseAfter         Point = "lease_after"  // stored, nothing given out
	TombstoneBefore    Point = "tombstone_before"
	PassBefore         Point = "pass_before"     // the timelines' follower took its pending events
	RowsBefore         Point = "rows_before"     // before timeline rows are prepared
	RowsAfter          Point = "rows_after"      // rows and position are applied, not synced
	PassAfter          Point = "pass_after"      // before those who wait for the follower are told
	PositionBefore     Point = "position_before" // before a position without rows is stored
	SettingsBefore     Point = "settings_before"
	SettingsAfter      Point = "settings_after" // applied, not synced
)

// All returns every point.
func All() []Point {
	return []Point{
		SubmitQueued, AppendCollected, AppendDecideBefore, AppendEntry, AppendRepeat, AppendMember, AppendHead, AppendEvent,
		CommitBefore, CommitAfter, SyncBefore, SyncAfter, PublishBefore, PublishAfter, AckBefore, AckAfter, FollowBefore,
		FollowAfter, TrimBefore, LeaseBefore, LeaseAfter, TombstoneBefore,
		PassBefore, RowsBefore, RowsAfter, PassAfter, PositionBefore, SettingsBefore, SettingsAfter,
	}
}
