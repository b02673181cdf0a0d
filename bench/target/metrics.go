package target

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/bench/report"
)

const maxAnswer = 16 << 20 // bytes of a page of metrics

// CPU is the processor time of the server until now; 0 where it cannot be known.
func (s *Server) CPU(ctx context.Context) time.Duration {
	if s.proc != nil {
		return report.ProcessCPU(strconv.Itoa(s.proc.Process.Pid))
	}
	if s.inside != nil {
		return report.OwnCPU()
	}
	m := s.Metrics(ctx)
	return time.Duration(m.Sum("process_cpu_seconds_total") * float64(time.Second))
}

// RSS is its resident memory in bytes; 0 where it cannot be known.
func (s *Server) RSS(ctx context.Context) int64 {
	if s.proc != nil {
		return report.RSS(strconv.Itoa(s.proc.Process.Pid))
	}
	if s.inside != nil {
		return report.RSS("self")
	}
	return int64(s.Metrics(ctx).Sum("process_resident_memory_bytes"))
}

// Metrics are values by name, with their labels as they are written.
type Metrics map[string]float64

// Metrics reads what the server tells Prometheus; nil where it cannot be read.
func (s *Server) Metrics(ctx context.Context) Metrics {
	if s.metrics == "" {
		return nil
	}
	b, err := Get(ctx, s.metrics)
	if err != nil {
		return nil
	}
	m := Metrics{}
	for line := range bytes.Lines(b) {
		text := strings.TrimSpace(string(line))
		at := strings.LastIndexByte(text, ' ')
		if at < 0 || text[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(text[at+1:], 64); err == nil {
			m[text[:at]] = v
		}
	}
	return m
}

// Sum adds up the values of a name over all labels.
func (m Metrics) Sum(name string) float64 {
	total := 0.0
	for key, v := range m {
		if key == name || strings.HasPrefix(key, name+"{") {
			total += v
		}
	}
	return total
}

// Get reads a page over a connection of its own.
func Get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return b, err
}
