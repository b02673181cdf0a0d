package config

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyLines returns the line of every key of a TOML document that is known to be well formed. Elements of lists of tables
// are numbered from 0: account.issuers.1.key.
func keyLines(data []byte) map[string]int {
	lines := make(map[string]int)
	counts := make(map[string]int) // elements of each list of tables
	prefix := ""
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			prefix = numbered(keyPath(&p, e, data, "", lines), counts)
		case unstable.ArrayTable:
			path := keyPath(&p, e, data, "", lines)
			prefix = path + "." + strconv.Itoa(counts[path])
			counts[path]++
		case unstable.KeyValue:
			keyPath(&p, e, data, prefix, lines)
		default: // comments and values stand in no line of their own
		}
	}
	return lines
}

// keyPath joins an expression's key parts under prefix and notes the line of each step.
func keyPath(p *unstable.Parser, e *unstable.Node, data []byte, prefix string, lines map[string]int) string {
	path := prefix
	for it := e.Key(); it.Next(); {
		n := it.Node()
		path = join(path, string(n.Data))
		if _, ok := lines[path]; !ok {
			offset := int(n.Raw.Offset)
			if n.Raw.Length == 0 {
				offset = int(p.Range(n.Data).Offset)
			}
			lines[path] = bytes.Count(data[:offset], []byte{'\n'}) + 1
		}
	}
	return path
}

// numbered puts the number of the current element behind each part that is a list of tables.
func numbered(path string, counts map[string]int) string {
	out := ""
	plain := ""
	for part := range strings.SplitSeq(path, ".") {
		out, plain = join(out, part), join(plain, part)
		if n := counts[plain]; n > 0 {
			out += "." + strconv.Itoa(n-1)
		}
	}
	return out
}
