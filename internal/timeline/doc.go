// Package timeline tells a user's devices what changed: the follower that writes timelines, sync, unread and lists.
package timeline
