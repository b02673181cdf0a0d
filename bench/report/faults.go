package report

import "fmt"

// Faults are what was wrong with the deliveries of a run: of each message every receiver gets one, in the order of the log, as it was
// written. They are part of a scenario's report.
type Faults struct {
	Lost       int64 `json:"lost"`
	Duplicate  int64 `json:"duplicate"`
	Disordered int64 `json:"disordered"`
	Damaged    int64 `json:"damaged"`
}

// Add adds other to f.
func (f *Faults) Add(other Faults) {
	f.Lost += other.Lost
	f.Duplicate += other.Duplicate
	f.Disordered += other.Disordered
	f.Damaged += other.Damaged
}

// Count is how many there are.
func (f *Faults) Count() int64 { return f.Lost + f.Duplicate + f.Disordered + f.Damaged }

// Words name them.
func (f *Faults) Words() string {
	return fmt.Sprintf("%d lost, %d twice, %d out of order, %d damaged", f.Lost, f.Duplicate, f.Disordered, f.Damaged)
}
