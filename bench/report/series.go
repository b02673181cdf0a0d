package report

// Point is one of a plot.
type Point struct{ X, Y float64 }

// Moment is one step of a run over time.
type Moment struct {
	// Seconds since the measuring began, at the step's end.
	Seconds float64 `json:"s"`
	// Rate is deliveries (or what the run counts) per second in this step.
	Rate float64 `json:"rate"`
	// Latency of this step, in milliseconds.
	Latency
}

// Line is a named line of a plot.
type Line struct {
	Name   string
	Points []Point
}

// Lines makes the plot's lines of a run over time: median, 99th percentile and maximum.
func Lines(moments []Moment) (latency []Line, rate Line) {
	latency = []Line{{Name: "max"}, {Name: "p99"}, {Name: "p50"}}
	rate.Name = "per second"
	for _, m := range moments {
		for i, v := range []float64{m.Max, m.P99, m.P50} {
			latency[i].Points = append(latency[i].Points, Point{m.Seconds, v})
		}
		rate.Points = append(rate.Points, Point{m.Seconds, m.Rate})
	}
	return latency, rate
}
