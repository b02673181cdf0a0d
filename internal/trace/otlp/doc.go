// Package otlp sends the steps of sampled entries to a collector, as OpenTelemetry spans over OTLP/HTTP in protobuf.
//
//	Export → queue, bounded: what does not fit is dropped and counted
//	         → batches, by number or by time → POST, repeated where the collector asks for it → dropped and counted in the end
//
// It writes the protocol by the published schema, without the OpenTelemetry SDK: a span here is made when it has ended, under an id that
// was known before, and of none of the SDK's contexts, samplers and limits would anything be left. Nothing that happens here reaches
// those who export: a collector that is away costs spans.
package otlp
