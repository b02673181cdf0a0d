// Package report is what a run of the bench leaves behind: latencies, the record of the machine, a table for the terminal, JSON,
// and one page of HTML with plots that needs nothing but itself.
//
//	latency ─ histograms and their figures      machine ─ what it ran on, and who else used it
//	table   ─ names and values for a terminal   page, plot ─ the page of HTML and its drawings
//
// It imports nothing of ours.
package report
