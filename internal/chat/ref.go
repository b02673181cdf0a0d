package chat

import "strings"

// SafeRef reports whether clients can follow a reference to an image or a file without harm, so that not every client has
// to find out: it is an https URL or names a blob. javascript:, data:, file: and plain http are kept out, and so is what a
// browser completes to another host. References to blobs hold no colon. The empty one is none, which is safe.
func SafeRef(ref string) bool {
	if strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return false
	}
	return strings.HasPrefix(ref, "https://") || (!strings.Contains(ref, ":") && !strings.HasPrefix(ref, "//"))
}
