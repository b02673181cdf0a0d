package otlp

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/throng-im/throng/internal/trace"
)

// scope names who made the spans.
const scope = "github.com/throng-im/throng"

// resource is what is told about this process with every batch.
func resource(service string, deps Deps) *tracepb.ResourceSpans {
	return &tracepb.ResourceSpans{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			text("service.name", service), text("service.version", deps.Version), text("service.instance.id", deps.Node),
		}},
	}
}

// encode is a batch as the body of a call: the request's message has the same fields on the wire.
func (e *Exporter) encode(batch []span) *tracepb.TracesData {
	spans := make([]*tracepb.Span, len(batch))
	for i := range batch {
		spans[i] = encodeSpan(&batch[i])
	}
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   e.source.GetResource(),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: scope}, Spans: spans}},
	}}}
}

func encodeSpan(sp *span) *tracepb.Span {
	s, root := &sp.step, sp.id.Root()
	out := &tracepb.Span{
		TraceId: sp.id[:], Name: "throng." + s.Kind.Name(), Kind: kindOf(s.Kind), Flags: 1, // sampled
		StartTimeUnixNano: uint64(s.Start), EndTimeUnixNano: uint64(s.Start + s.Took.Nanoseconds()),
		Attributes: append(attributes(s), text("throng.conversation", id(s.Conversation)), number("throng.seq", int64(s.Seq))),
	}
	if s.Kind == trace.Append {
		out.SpanId = root[:]
	} else {
		out.SpanId, out.ParentSpanId = binary.BigEndian.AppendUint64(nil, rand.Uint64()|1), root[:] //nolint:gosec // G404: a name, not a secret
	}
	if id, span, ok := trace.ParseCaller(s.Caller); ok {
		out.Links = []*tracepb.Span_Link{{TraceId: id[:], SpanId: span[:]}}
	}
	return out
}

// kindOf is what others are told that a span is.
func kindOf(k trace.Kind) tracepb.Span_SpanKind {
	switch k {
	case trace.Append, trace.Repeat:
		return tracepb.Span_SPAN_KIND_SERVER
	case trace.Publish:
		return tracepb.Span_SPAN_KIND_PRODUCER
	case trace.Fanout, trace.Receive:
		return tracepb.Span_SPAN_KIND_CONSUMER
	default:
		return tracepb.Span_SPAN_KIND_INTERNAL
	}
}

// attributes are the figures of a step under their names.
func attributes(s *trace.Step) []*commonpb.KeyValue {
	c := func(i int) int64 { return int64(s.Counts[i]) }
	switch s.Kind {
	case trace.Append, trace.Repeat:
		return []*commonpb.KeyValue{
			text("throng.user", id(s.User)), number("throng.append.drafts", c(0)), number("throng.append.queued_us", c(1)),
			number("throng.append.append_us", c(2)), number("throng.append.durable_us", c(3)),
		}
	case trace.Publish:
		return []*commonpb.KeyValue{number("throng.publish.lane", c(0)), number("throng.publish.events", c(1))}
	case trace.Fanout:
		out := []*commonpb.KeyValue{
			text("throng.fanout.way", nameOf(c(0), "users", "group", "direct")), number("throng.fanout.users", c(1)),
			number("throng.fanout.nodes", c(2)), number("throng.fanout.lost", c(3)),
		}
		if s.Stream != trace.NoStream {
			out = append(out, number("throng.fanout.stream", int64(s.Stream)), number("throng.fanout.position", int64(s.Position)))
		}
		return out
	case trace.Receive:
		return []*commonpb.KeyValue{
			number("throng.receive.loops", c(0)), text("throng.receive.as", nameOf(c(1), "content", "rounds", "hints")),
		}
	case trace.Write:
		return []*commonpb.KeyValue{number("throng.write.sessions", c(0)), number("throng.write.loop", c(1))}
	default:
		return nil
	}
}

// nameOf is the n-th name, from 1 on.
func nameOf(n int64, names ...string) string {
	if n < 1 || int(n) > len(names) {
		return ""
	}
	return names[n-1]
}

// id is a number that names something: as text, since it is nothing to sum up.
func id(n uint64) string { return strconv.FormatUint(n, 10) }

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}
