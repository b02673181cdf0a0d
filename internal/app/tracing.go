package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/throng-im/throng/internal/app/way"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/trace"
	"github.com/throng-im/throng/internal/trace/otlp"
	"github.com/throng-im/throng/internal/wire"
)

// wireTracing builds what notes the steps of entries, and what sends them to a collector. Salt is a number that all nodes of this
// deployment have, and no other deployment. Commands that open the engines by themselves send nothing.
func (a *App) wireTracing(salt uint64, node cluster.Node) (err error) {
	cfg, deps := a.cfg.Tracing, trace.Deps{Salt: salt}
	if cfg.Endpoint != "" && !a.options.Offline {
		a.spans, err = otlp.New(cfg, otlp.Deps{Node: string(node), Version: a.options.Version, Metrics: a.registry, Logger: a.log})
		if err != nil {
			return fmt.Errorf("building the tracing: %w", err)
		}
		deps.Exporter = a.spans
	}
	a.tracer = trace.New(cfg, deps)
	return nil
}

// wireWays builds what answers where entries went.
func (a *App) wireWays() {
	c := a.core
	e := c.engine
	a.ways = &way.Finder{
		Log: e.log, Directory: e.directory, Tracer: a.tracer, Waits: e.waits, Place: e.place,
		Nodes: way.NewNodes(way.Deps{Self: e.node, Registry: e.registry, Bus: e.bus, Tracer: a.tracer, Logger: a.log}),
	}
	c.node.asked = a.ways.Nodes.Receive
}

// serveTrace tells where an entry went.
func (a *App) serveTrace(w http.ResponseWriter, r *http.Request) {
	id, err := chat.ParseID(r.URL.Query().Get("conversation"))
	var seq uint64
	if err == nil {
		seq, err = chat.ParseID(r.URL.Query().Get("seq"))
	}
	var report *way.Report
	if err == nil {
		report, err = a.ways.Find(r.Context(), chat.ConversationID(id), chat.Seq(seq))
	}
	if err != nil {
		e := chat.AsError(err) // told as it is: the operator may know what there is
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(wire.HTTPStatus(e.Code))
		_ = json.NewEncoder(w).Encode(map[string]string{"reason": string(e.Reason), "message": e.Message})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(report)
}

// Trace is what a deployment knows of an entry's way.
type Trace = way.Report

// Trace asks where the entry at a seq of a conversation went. Where no server runs it tells what the log knows.
func (o *Operator) Trace(ctx context.Context, conversation, seq uint64) (*Trace, error) {
	report := new(Trace)
	path := fmt.Sprintf("%s?conversation=%d&seq=%d", pathTrace, conversation, seq)
	err := o.do(ctx, http.MethodGet, path, nil, nil, func(r *http.Response) error {
		if err := json.NewDecoder(r.Body).Decode(report); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		return nil
	})
	return report, err
}
