/**
 * W3C trace context and baggage, as headers of a message beside Celery's own: OpenTelemetry's instrumentation of
 * Python's Celery writes and reads them there.
 */
export const TRACE_HEADERS = ['traceparent', 'tracestate', 'baggage'] as const

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
