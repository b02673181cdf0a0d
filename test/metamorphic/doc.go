// Package metamorphic runs one script under many options, and wants one result: what stands in the logs, who is a member,
// who has read what and what is unread must not depend on sizes of caches and tables, tiers, restarts, crashes, the order
// of independent conversations, or how often a message was sent.
package metamorphic
