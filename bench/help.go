package bench

import (
	"flag"
	"fmt"
	"strings"

	"github.com/throng-im/throng/bench/report"
)

// helpWidth is how wide the help is, in columns.
const helpWidth = 80

// usage is the help of bench: what scenarios there are.
func usage() string {
	var b strings.Builder
	b.WriteString("Usage: throng bench SCENARIO [flags]\n\nPuts a server under load and checks every delivery at every receiver.\n" +
		"Without --url it starts a server of its own on a temporary folder.\n\nScenarios:\n")
	for _, s := range scenarios() {
		if s.summary != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", s.name, s.summary)
		}
	}
	b.WriteString("\nthrong bench SCENARIO --help shows the flags of one of them.\n")
	return b.String()
}

// help is the help of one scenario.
func (s scenario) help(f *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: throng bench %s [flags]\n\n", s.name)
	if s.summary != "" {
		fmt.Fprintf(&b, "%s%s.\n\n", strings.ToUpper(s.summary[:1]), s.summary[1:])
	}
	if s.usage != "" {
		fmt.Fprintf(&b, "%s\n", s.usage)
	}
	left := 0
	f.VisitAll(func(g *flag.Flag) { left = max(left, len(flagName(g))) })
	b.WriteString("Flags:\n")
	const indent, gap = 2, 2
	at := indent + left + gap
	f.VisitAll(func(g *flag.Flag) {
		_, text := flag.UnquoteUsage(g)
		switch g.DefValue {
		case "", "0", "0s", "false":
		default:
			text += " (default " + g.DefValue + ")"
		}
		lines := report.Wrap(text, helpWidth-at)
		fmt.Fprintf(&b, "%*s%-*s%s\n", indent, "", left+gap, flagName(g), strings.Join(lines, "\n"+strings.Repeat(" ", at)))
	})
	return b.String()
}

// flagName is a flag with what stands for its value.
func flagName(g *flag.Flag) string {
	switch kind, _ := flag.UnquoteUsage(g); kind {
	case "":
		return "--" + g.Name
	case "int", "float", "per second":
		return "--" + g.Name + " N"
	case "duration":
		return "--" + g.Name + " TIME"
	case "string":
		return "--" + g.Name + " WORD"
	default:
		return "--" + g.Name + " " + strings.ToUpper(kind)
	}
}
