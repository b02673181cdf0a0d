package wsconform

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
)

// atOnce is how many cases are played side by side: most of them wait.
const atOnce = 32

// Played is a case with what came out.
type Played struct {
	Case Case
	Chop bool
	Result
}

// Run plays all cases of a target, whole and chopped, and returns the results in the order of the cases.
func Run(ctx context.Context, t *Target) []Played {
	cases := Cases(t)
	list := make([]Played, 0, 2*len(cases))
	for _, k := range cases {
		list = append(list, Played{Case: k}, Played{Case: k, Chop: true})
	}
	var wg sync.WaitGroup
	next := make(chan *Played)
	for range atOnce {
		wg.Go(func() {
			for p := range next {
				p.Result = Play(ctx, t, &p.Case, p.Chop)
			}
		})
	}
	for i := range list {
		next <- &list[i]
	}
	close(next)
	wg.Wait()
	return list
}

// Report writes a table of sections, and a line for each case that is not strict.
func Report(out io.Writer, list []Played) {
	counts := map[string]*[4]int{}
	var sections []string
	for _, p := range list {
		if counts[p.Case.Section] == nil {
			counts[p.Case.Section] = new([4]int)
			sections = append(sections, p.Case.Section)
		}
		counts[p.Case.Section][p.Rating]++
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "section\tstrict\tlenient\tFAILED\tunasked\n")
	var sum [4]int
	for _, name := range sections {
		n := counts[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", name, n[Strict], n[Lenient], n[Failed], n[Unasked])
		for i := range sum {
			sum[i] += n[i]
		}
	}
	fmt.Fprintf(table, "all\t%d\t%d\t%d\t%d\n", sum[Strict], sum[Lenient], sum[Failed], sum[Unasked])
	_ = table.Flush() // out keeps its error
	for _, p := range slices.DeleteFunc(slices.Clone(list), func(p Played) bool { return p.Rating == Strict }) {
		fmt.Fprintln(out, p)
	}
}

// String is a line of a report.
func (p Played) String() string {
	how := ""
	if p.Chop {
		how = ", chopped"
	}
	number := ""
	if p.Case.Autobahn != "" {
		number = ", Autobahn " + p.Case.Autobahn
	}
	return fmt.Sprintf("%-7s %s%s (RFC %s%s): %s", p.Rating, p.Case.ID(), how, p.Case.RFC, number, p.Why)
}
