//go:build next

package redis

import "strings"

// later has the rows that scripts write carry a number of the next version's, timelines a field and nodes one in what they announce.
func later(all *scripts) {
	all.applyLine = newScript(strings.ReplaceAll(applyLineText, "r = {0, 0, 0, 0, ''}", "r = {0, 0, 0, 0, ' 77'}"))
	all.mendLine = newScript(strings.ReplaceAll(mendLineText, "r = {0, 0, 0, 0, ''}", "r = {0, 0, 0, 0, ' 77'}"))
	all.seedLine = newScript(strings.Replace(seedLineText, "'x', '0')", "'x', '0', 'next', '77')", 1))
	all.renewal = newScript(strings.Replace(renewalText, "ARGV[1], ARGV[2])", "ARGV[1], '{\"Next\":{\"a\":[1]},' .. string.sub(ARGV[2], 2))", 1))
}
