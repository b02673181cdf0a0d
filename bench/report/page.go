package report

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// Page is what goes on the page of a run.
type Page struct {
	Title       string
	Command     string
	Verdict     string
	Good        bool
	Rows        []Row
	Plots       []Plot
	Environment Environment
	// Data is the run's report, shown as JSON at the end.
	Data any
}

const style = `
:root{color-scheme:light dark;--bg:#fdfdfc;--ink:#1c1f23;--dim:#68707a;--rule:#e3e5e8;--card:#fff;--c0:#c2410c;--c1:#2563eb;--c2:#0f766e;--c3:#7c3aed;--good:#15803d;--bad:#b91c1c}
@media (prefers-color-scheme:dark){:root{--bg:#14161a;--ink:#e7e9ec;--dim:#9aa3ad;--rule:#2b2f36;--card:#1b1e24;--c0:#fb923c;--c1:#60a5fa;--c2:#2dd4bf;--c3:#a78bfa;--good:#4ade80;--bad:#f87171}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .4rem}h2{font-size:1rem;margin:2rem 0 .6rem}
p.verdict{margin:.2rem 0 1rem;font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}
pre{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.75rem 1rem;overflow-x:auto;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:.5rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--rule)}
th{font-weight:500;color:var(--dim);width:12rem}th[colspan]{color:var(--ink);padding-top:1rem;width:auto}
figure{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;margin:0 0 1rem;padding:.75rem .75rem .25rem}
figcaption{font-weight:500;margin:0 0 .25rem .25rem}svg{display:block;width:100%;height:auto}
.grid{stroke:var(--rule);stroke-width:1}.tick{fill:var(--dim);font-size:12px;font-family:inherit}
figcaption span{margin-left:.8rem;color:var(--dim);font-weight:400;white-space:nowrap}
figcaption span::before{content:"";display:inline-block;width:1rem;height:.2rem;margin-right:.4rem;vertical-align:middle;background:currentColor}
.key0::before{color:var(--c0)}.key1::before{color:var(--c1)}.key2::before{color:var(--c2)}.key3::before{color:var(--c3)}
polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}
.line0{stroke:var(--c0)}.line1{stroke:var(--c1)}.line2{stroke:var(--c2)}.line3{stroke:var(--c3)}
circle{fill-opacity:0}circle:hover{fill-opacity:1}.dot0{fill:var(--c0)}.dot1{fill:var(--c1)}.dot2{fill:var(--c2)}.dot3{fill:var(--c3)}
summary{cursor:pointer;color:var(--dim)}
@media (max-width:30rem){th{width:7rem}main{padding:1.25rem .9rem 3rem}.tick{font-size:21px}pre{white-space:pre-wrap;overflow-wrap:anywhere}
.machine th,.machine td{display:block;width:auto}.machine th{border:0;padding-bottom:0}.machine td{padding-top:0;overflow-wrap:anywhere}}
`

// HTML is the page: one file that loads nothing.
func (p Page) HTML() (string, error) {
	var b strings.Builder
	esc := html.EscapeString
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"+
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>%s</title>\n<style>%s</style></head><body><main>\n",
		esc(p.Title), style)
	fmt.Fprintf(&b, "<h1>%s</h1>\n", esc(p.Title))
	class := "bad"
	if p.Good {
		class = "good"
	}
	fmt.Fprintf(&b, "<p class=\"verdict %s\">%s</p>\n<pre>%s</pre>\n", class, esc(p.Verdict), esc(p.Command))
	for _, plot := range p.Plots {
		if len(plot.Lines) > 0 {
			fmt.Fprintf(&b, "<figure><figcaption>%s%s</figcaption>%s</figure>\n", esc(plot.Title), plot.legend(), plot.SVG())
		}
	}
	b.WriteString("<h2>Figures</h2>\n<table>\n")
	for _, r := range p.Rows {
		if r.Name == "" {
			fmt.Fprintf(&b, "<tr><th colspan=\"2\">%s</th></tr>\n", esc(r.Value))
			continue
		}
		fmt.Fprintf(&b, "<tr><th>%s</th><td>%s</td></tr>\n", esc(r.Name), esc(r.Value))
	}
	b.WriteString("</table>\n<h2>Machine</h2>\n<table class=\"machine\">\n")
	for _, r := range p.Environment.Rows() {
		fmt.Fprintf(&b, "<tr><th>%s</th><td>%s</td></tr>\n", esc(r.Name), esc(r.Value))
	}
	b.WriteString("</table>\n")
	data, err := json.MarshalIndent(p.Data, "", "  ")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "<details><summary>The whole report as JSON</summary><pre>%s</pre></details>\n</main></body></html>\n", esc(string(data)))
	return b.String(), nil
}

// Rows are the environment for people.
func (e Environment) Rows() []Row {
	rows := make([]Row, 0, 4+len(e.Settings))
	rows = append(rows,
		R("processors", "%d, %s", e.Cores, e.CPU), R("memory", "%s", e.Memory), R("system", "%s, %s", e.Kernel, e.Go),
		R("open files", "%d a process", e.Descriptors))
	for _, name := range slices.Sorted(maps.Keys(e.Settings)) {
		rows = append(rows, R(name, "%s", e.Settings[name]))
	}
	return rows
}
