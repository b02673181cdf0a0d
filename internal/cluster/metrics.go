package cluster

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

// What a scheduler answers, as its metric calls it. Refusals go by their reason.
const (
	answerGateways = "gateways"
	answerDoor     = "door"
)

// newAnswers counts what a scheduler answers; docs/operations lists it.
func newAnswers(reg prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "throng", Subsystem: "access", Name: "answers_total",
		Help: "Clients that asked for a gateway, by what they were told: gateways, the door itself, or why there is none.",
	}, []string{"answer"})
	for _, answer := range []string{answerGateways, answerDoor, string(chat.ReasonDraining), string(chat.ReasonOverloaded)} {
		c.WithLabelValues(answer)
	}
	if reg != nil {
		reg.MustRegister(c)
	}
	return c
}
