package otlp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/trace"
)

const (
	// waiting bounds the spans that wait to be sent.
	waiting = 8_192
	// batchSpans and batchEvery bound what is gathered for one call.
	batchSpans = 512
	batchEvery = time.Second
	// tries is how often a batch is sent; rest is how long to wait before the second one, twice as long before each further one.
	tries = 3
	rest  = 500 * time.Millisecond
	// longestRest bounds what a collector may ask for.
	longestRest = 10 * time.Second
	// last is how long a stopping process tries to send what is left.
	last = 2 * time.Second
	// path is where collectors take spans.
	path = "/v1/traces"
)

// Deps are what an exporter needs from others.
type Deps struct {
	// Node names this incarnation of the node; Version is the program's.
	Node    string
	Version string
	// Client calls the collector; nil is one with the configured timeout.
	Client *http.Client
	// Metrics and Logger may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
}

// Exporter sends spans. Export may be called from any goroutine, Run once.
type Exporter struct {
	// immutable after construction
	url     string
	shown   string // the same without a password, for the log
	client  *http.Client
	log     *slog.Logger
	metrics *metrics
	spans   chan span
	source  *tracepb.ResourceSpans // with everything but the spans

	// owned by Run
	failing bool
}

// span is a step with its trace, on its way.
type span struct {
	id   trace.ID
	step trace.Step
}

var _ trace.Exporter = (*Exporter)(nil)

// New makes an exporter to the configured endpoint, which must be valid.
func New(cfg trace.Config, deps Deps) (*Exporter, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the collector's address: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	e := &Exporter{
		url: u.String(), shown: u.Redacted(), client: deps.Client, log: deps.Logger, metrics: newMetrics(deps.Metrics),
		spans: make(chan span, waiting), source: resource(cfg.Service, deps),
	}
	if e.client == nil {
		e.client = &http.Client{Timeout: cfg.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // who went there would ask for a page, without the spans, and take it for an answer
		}}
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	return e, nil
}

// Export implements [trace.Exporter].
func (e *Exporter) Export(id trace.ID, s trace.Step) {
	select {
	case e.spans <- span{id, s}:
	default:
		e.metrics.spans.WithLabelValues(resultDropped).Inc()
	}
}

// Run sends until ctx ends, and then what is left, for a moment.
func (e *Exporter) Run(ctx context.Context) error {
	defer e.client.CloseIdleConnections()
	batch := make([]span, 0, batchSpans)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	send := func(ctx context.Context) {
		if len(batch) > 0 {
			e.send(ctx, batch)
			clear(batch)
			batch = batch[:0]
		}
	}
	for {
		select {
		case s := <-e.spans:
			if batch = append(batch, s); len(batch) == 1 {
				timer.Reset(batchEvery)
			}
			if len(batch) == batchSpans {
				send(ctx)
			}
		case <-timer.C:
			send(ctx)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), last)
			defer cancel()
			for {
				select {
				case s := <-e.spans:
					if batch = append(batch, s); len(batch) == batchSpans {
						send(end)
					}
					continue
				default:
				}
				send(end)
				return nil
			}
		}
	}
}

// send sends a batch, again where that may help. Once a collector has failed, batches are tried once each until one gets through.
func (e *Exporter) send(ctx context.Context, batch []span) {
	body, err := proto.Marshal(e.encode(batch))
	if err == nil {
		for try, pause := 1, rest; ; try, pause = try+1, 2*pause {
			var after time.Duration
			if after, err = e.post(ctx, body); err == nil || after < 0 || try == tries || e.failing {
				break
			}
			t := time.NewTimer(min(max(pause, after), longestRest))
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
			if ctx.Err() != nil {
				break
			}
		}
	}
	result := resultSent
	switch {
	case err != nil:
		result = resultFailed
		if !e.failing {
			e.log.Warn("spans are lost: the collector does not take them", "endpoint", e.shown, "error", err)
		}
	case e.failing:
		e.log.Info("the collector takes spans again", "endpoint", e.shown)
	}
	e.failing = err != nil
	e.metrics.spans.WithLabelValues(result).Add(float64(len(batch)))
}

// errRefused is what a collector answers that does not want a batch.
var errRefused = errors.New("the collector answered")

// post makes one call. After an error, after is how long the collector wants to be left alone, 0 where it does not say, and negative where
// the same call would fail again.
func (e *Exporter) post(ctx context.Context, body []byte) (after time.Duration, err error) {
	begin := time.Now()
	defer func() { e.metrics.seconds.Observe(time.Since(begin).Seconds()) }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("making a request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := e.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("calling the collector: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			after = time.Duration(min(seconds, int(longestRest/time.Second))) * time.Second
		}
		return after, fmt.Errorf("%w %s", errRefused, resp.Status)
	default:
		return -1, fmt.Errorf("%w %s", errRefused, resp.Status)
	}
}
