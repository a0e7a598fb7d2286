/** celeriac/opentelemetry: traces and metrics for OpenTelemetry. */
export { type MetricsOptions, metrics } from './otel/metrics.ts'
export { type TracingOptions, tracing } from './otel/tracing.ts'
