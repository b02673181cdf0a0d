package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Measures are the server's metrics by series, name and labels as they stand in the exposition. The server has to be told to listen for
// them: THRONG_METRICS_LISTEN=127.0.0.1:0.
func (s *Server) Measures(ctx context.Context) (map[string]float64, error) {
	url := s.Metrics()
	if url == "" {
		return nil, errors.New("the server does not say where its metrics are")
	}
	status, text, err := Get(ctx, url)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("metrics: status %d: %w", status, orClean(err))
	}
	out := make(map[string]float64)
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err == nil {
			out[line[:at]] = v
		}
	}
	return out, nil
}
