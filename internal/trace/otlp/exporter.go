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
	// tries is how often a batch is sent. A collector that fails is left alone for firstPause, and twice as long each further time.
	tries        = 3
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second // also of what a collector may ask for
	// never is when what failed may be sent again that would fail again.
	never = time.Duration(-1)
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

// Run sends until ctx ends, and then what is left, for a moment. A collector that takes nothing is let rest, for longer each time; spans wait
// meanwhile.
func (e *Exporter) Run(ctx context.Context) error {
	defer e.client.CloseIdleConnections()
	calls, cancel := outlasting(ctx, last)
	defer cancel()
	b := batch{spans: make([]span, 0, batchSpans)}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		in := e.spans
		if len(b.spans) == batchSpans {
			in = nil // the others wait
		}
		select {
		case s := <-in:
			if b.spans = append(b.spans, s); len(b.spans) == 1 || len(b.spans) == batchSpans {
				timer.Reset(b.due())
			}
		case <-timer.C:
			if err := e.send(calls, &b); err != nil && len(b.spans) > 0 { // it goes again
				timer.Reset(b.due())
			}
		case <-ctx.Done():
			e.rest(calls, &b)
			return nil
		}
	}
}

// outlasting returns a context that ends some time after another has.
func outlasting(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(by)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// batch is what goes out in one call.
type batch struct {
	spans []span
	tries int           // how often it was sent
	pause time.Duration // between the calls of a collector that fails; 0 while it does not
	next  time.Time     // when the collector may be called again
}

// due is how long the batch waits for more spans, and for the end of the collector's rest.
func (b *batch) due() time.Duration {
	wait := batchEvery
	if len(b.spans) == batchSpans || b.tries > 0 {
		wait = 0
	}
	return max(wait, time.Until(b.next))
}

// rest sends what is left as long as the collector takes it.
func (e *Exporter) rest(ctx context.Context, b *batch) {
	for {
		for more := true; more && len(b.spans) < batchSpans; {
			select {
			case s := <-e.spans:
				b.spans = append(b.spans, s)
			default:
				more = false
			}
		}
		if len(b.spans) == 0 {
			return
		}
		select {
		case <-time.After(time.Until(b.next)):
		case <-ctx.Done():
		}
		if err := e.send(ctx, b); err != nil && len(b.spans) == 0 {
			e.metrics.spans.WithLabelValues(resultFailed).Add(float64(len(e.spans)))
			return
		}
	}
}

// send sends a batch, which is empty afterwards unless it may be sent again. Once a collector has failed, batches are tried once each until one
// gets through.
func (e *Exporter) send(ctx context.Context, b *batch) error {
	body, err := proto.Marshal(e.encode(b.spans))
	after := never
	if err == nil {
		after, err = e.post(ctx, body)
	}
	result := resultSent
	if b.tries++; err == nil {
		b.pause = 0
	} else {
		b.pause = min(max(firstPause, 2*b.pause), longestPause)
		b.next = time.Now().Add(max(b.pause, after))
		if after != never && b.tries < tries && !e.failing && ctx.Err() == nil {
			return err
		}
		result = resultFailed
	}
	switch {
	case err != nil && !e.failing:
		e.log.Warn("spans are lost: the collector does not take them", "endpoint", e.shown, "error", err)
	case err == nil && e.failing:
		e.log.Info("the collector takes spans again", "endpoint", e.shown)
	}
	e.failing = err != nil
	e.metrics.spans.WithLabelValues(result).Add(float64(len(b.spans)))
	clear(b.spans)
	b.spans, b.tries = b.spans[:0], 0
	return err
}

// errRefused is what a collector answers that does not want a batch.
var errRefused = errors.New("the collector answered")

// post makes one call. After an error, after is how long the collector wants to be left alone, 0 where it does not say, and [never] where
// the same call would fail again.
func (e *Exporter) post(ctx context.Context, body []byte) (after time.Duration, err error) {
	begin := time.Now()
	defer func() { e.metrics.seconds.Observe(time.Since(begin).Seconds()) }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return never, fmt.Errorf("making a request: %w", err)
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
			after = time.Duration(min(seconds, int(longestPause/time.Second))) * time.Second
		}
		return after, fmt.Errorf("%w %s", errRefused, resp.Status)
	default:
		return never, fmt.Errorf("%w %s", errRefused, resp.Status)
	}
}
