/** celeriac/opentelemetry: traces for OpenTelemetry. */
export { type TracingOptions, tracing } from './otel/tracing.ts'
