package account

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator sees of sign-in.
type metrics struct {
	signIns  *prometheus.CounterVec // result: ok, failed, limited, overloaded
	tokens   *prometheus.CounterVec // result: cached, verified, refused
	reused   prometheus.Counter
	repeated prometheus.Counter
	firstUse prometheus.Counter
}

func newMetrics(r prometheus.Registerer, h *hasher) *metrics {
	m := &metrics{
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_account_sign_ins_total", Help: "Attempts to sign in with a password, by result.",
		}, []string{"result"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_account_tokens_total", Help: "Tokens that were shown, by how they were checked.",
		}, []string{"result"}),
		reused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "throng_account_refresh_reuse_total", Help: "Devices that were signed out because a spent refresh token came again.",
		}),
		repeated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "throng_account_refresh_repeats_total", Help: "Refresh tokens that came again before an answer to them was used; lost answers, mostly.",
		}),
		firstUse: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "throng_account_first_sights_total", Help: "Users that were made because a company's token named them.",
		}),
	}
	if r == nil {
		return m
	}
	r.MustRegister(m.signIns, m.tokens, m.reused, m.repeated, m.firstUse,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "throng_account_password_hashes_total", Help: "Passwords hashed.",
		}, func() float64 { return float64(h.hashes.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_account_password_waiting", Help: "Password hashes that wait for a core.",
		}, func() float64 { return float64(h.waiting.Load()) }),
	)
	return m
}
