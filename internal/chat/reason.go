package chat

// Reason is a stable snake_case word that names one cause of failure. docs/spec/errors.md lists them all; a test holds
// the two against each other.
type Reason string

// The reasons, by code.
const (
	ReasonInDoubt Reason = "in_doubt" // unknown

	ReasonIDInvalid          Reason = "id_invalid" // invalid
	ReasonClientIDInvalid    Reason = "client_id_invalid"
	ReasonTextEmpty          Reason = "text_empty"
	ReasonTextNotUTF8        Reason = "text_not_utf8"
	ReasonBodyInvalid        Reason = "body_invalid"
	ReasonMessageLinkInvalid Reason = "message_link_invalid"
	ReasonRangeInvalid       Reason = "range_invalid"
	ReasonCursorInvalid      Reason = "cursor_invalid"
	ReasonPageTokenInvalid   Reason = "page_token_invalid"
	ReasonFieldInvalid       Reason = "field_invalid"
	ReasonReadBeyondHead     Reason = "read_beyond_head"
	ReasonMalformed          Reason = "malformed"
	ReasonHandleInvalid      Reason = "handle_invalid"
	ReasonPasswordInvalid    Reason = "password_invalid"

	ReasonTokenMissing Reason = "token_missing" // unauthenticated
	ReasonTokenInvalid Reason = "token_invalid"
	ReasonTokenExpired Reason = "token_expired"
	ReasonSignInFailed Reason = "sign_in_failed"
	ReasonSignedOut    Reason = "signed_out"
	ReasonDisplaced    Reason = "displaced"
	ReasonAuthExpected Reason = "authentication_expected"

	ReasonForbidden       Reason = "forbidden" // forbidden
	ReasonNotAMember      Reason = "not_a_member"
	ReasonRoleTooLow      Reason = "role_too_low"
	ReasonMuted           Reason = "muted"
	ReasonQuiet           Reason = "group_quiet"
	ReasonAdminsOnly      Reason = "admins_only"
	ReasonBanned          Reason = "banned"
	ReasonPasswordNeeded  Reason = "password_needed"
	ReasonNotAccepted     Reason = "not_accepted"
	ReasonFriendsOnly     Reason = "friends_only"
	ReasonCommonGroupOnly Reason = "common_group_only"
	ReasonNotOpen         Reason = "not_open"
	ReasonSignUpClosed    Reason = "sign_up_closed"
	ReasonOriginForbidden Reason = "origin_forbidden"
	ReasonNotYourMessage  Reason = "not_your_message"
	ReasonUserDisabled    Reason = "user_disabled"
	ReasonMentionAll      Reason = "mention_all_limited"

	ReasonInvitationInvalid Reason = "invitation_invalid"

	ReasonConversationNotFound Reason = "conversation_not_found" // not_found
	ReasonUserNotFound         Reason = "user_not_found"
	ReasonMessageNotFound      Reason = "message_not_found"
	ReasonDeviceNotFound       Reason = "device_not_found"
	ReasonRouteNotFound        Reason = "route_not_found"
	ReasonRequestNotFound      Reason = "request_not_found"
	ReasonLinkNotFound         Reason = "link_not_found"

	ReasonIdempotencyConflict Reason = "idempotency_conflict" // conflict
	ReasonAfterMissing        Reason = "after_missing"
	ReasonVersionConflict     Reason = "version_conflict"

	ReasonHandleTaken       Reason = "handle_taken" // already_exists
	ReasonConversationThere Reason = "conversation_exists"

	ReasonMessageTooLarge      Reason = "message_too_large" // too_large
	ReasonFieldTooLarge        Reason = "field_too_large"
	ReasonRequestTooLarge      Reason = "request_too_large"
	ReasonTooManyMembers       Reason = "too_many_members"
	ReasonTooManyConversations Reason = "too_many_conversations"
	ReasonTooManyHidden        Reason = "too_many_hidden"
	ReasonTooManyRelations     Reason = "too_many_relations"
	ReasonTooManyLinks         Reason = "too_many_links"
	ReasonTooManyMentions      Reason = "too_many_mentions"

	ReasonRateLimited     Reason = "rate_limited" // rate_limited
	ReasonTooManyInFlight Reason = "too_many_in_flight"
	ReasonSlowMode        Reason = "slow_mode"

	ReasonConversationBusy Reason = "conversation_busy"

	ReasonDissolved       Reason = "conversation_dissolved" // gone
	ReasonInvitationSpent Reason = "invitation_spent"
	ReasonMessageGone     Reason = "message_gone"
	ReasonLinkSpent       Reason = "link_spent"

	ReasonOwnerMustTransfer Reason = "owner_must_transfer" // failed_precondition
	ReasonNotAGroup         Reason = "not_a_group"
	ReasonAlreadyFriends    Reason = "already_friends"
	ReasonRequestsFull      Reason = "requests_full"
	ReasonTooManyDevices    Reason = "too_many_devices"
	ReasonReceiptsOff       Reason = "receipts_off"
	ReasonTooLate           Reason = "too_late"
	ReasonTooManyEdits      Reason = "too_many_edits"
	ReasonNotPinned         Reason = "not_pinned"

	ReasonUnsupported Reason = "unsupported" // unsupported

	ReasonCanceled Reason = "canceled" // canceled

	ReasonStorageUnavailable Reason = "storage_unavailable" // unavailable
	ReasonStorageFull        Reason = "storage_full"
	ReasonDraining           Reason = "draining"
	ReasonOverloaded         Reason = "overloaded"

	ReasonInternal Reason = "internal" // internal
)
