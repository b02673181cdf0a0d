package message

import "github.com/prometheus/client_golang/prometheus"

// register declares what the ring holds.
func (r *recent) register(reg prometheus.Registerer) {
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			r.mu.Lock()
			defer r.mu.Unlock()
			return float64(value())
		})
	}
	reg.MustRegister(
		gauge("throng_message_recent_bytes", "Memory of recent entries, about.", func() int { return r.bytes }),
		gauge("throng_message_recent_conversations", "Conversations whose newest entries are in memory.", func() int { return len(r.held) }),
		gauge("throng_message_recent_members", "Readers who are remembered as members.", func() int { return r.who.len() }),
	)
}
