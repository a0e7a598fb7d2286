/** celeriac/opentelemetry: traces and metrics for OpenTelemetry. */
export { type TracingOptions, tracing } from './otel/tracing.ts'
