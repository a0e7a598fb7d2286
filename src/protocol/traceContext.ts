/**
 * W3C trace context and baggage, as headers of a message beside Celery's own: OpenTelemetry's instrumentation of
 * Python's Celery writes and reads them there.
 */
export const TRACE_HEADERS = ['traceparent', 'tracestate', 'baggage'] as const

/** Version 00 and what is to come (W3C Trace Context §3.2); an id of zeros is none. */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x20-\x7e]{0,200})?$/

/** True for a valid value of the header `traceparent`. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && TRACEPARENT.test(value)
}

/** Header values by name. */
export type TraceContext = Readonly<Record<string, string>>

/** What of the headers of a task goes to what follows from it; undefined where there is nothing. */
export function traceContextOf(headers: Readonly<Record<string, unknown>>): TraceContext | undefined {
  if (typeof headers.traceparent !== 'string' && typeof headers.baggage !== 'string') return undefined
  const context: Record<string, string> = {}
  for (const name of TRACE_HEADERS) {
    const value = headers[name]
    if (typeof value === 'string') context[name] = value
  }
  return context
}
