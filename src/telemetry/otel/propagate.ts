import {
  type Context,
  context,
  isSpanContextValid,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import { traceContextOf } from '../../protocol/traceContext.ts'
import { requestContext } from '../../tasks/current.ts'

type Headers = Readonly<Record<string, unknown>>

/** Header of ours: the job is one of many, and is a trace of its own that links to the call. */
export const LINKED_HEADER = 'celeriac_trace_linked'

/** Longest value of a header that is read: the W3C limits a `baggage` to 8192 bytes. */
const MAX_HEADER = 8192

/** Headers come from outside: what is no text is none. */
const GETTER: TextMapGetter<Headers> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined
    return typeof value === 'string' && value.length <= MAX_HEADER ? value : undefined
  },
}

/** Which entries of the baggage go with a message, and come with it. */
export class Propagation {
  readonly #allowed: ReadonlySet<string>

  constructor(baggage: readonly string[]) {
    this.#allowed = new Set(baggage)
  }

  /** The headers for this span, for messages that are sent in it. */
  inject(span: Span, around: Context): Record<string, string> {
    const headers: Record<string, string> = {}
    propagation.inject(this.#filtered(trace.setSpan(around, span)), headers)
    return headers
  }

  /** What these headers say, in a context without anything else. */
  extract(headers: Headers): Context {
    return this.#filtered(propagation.extract(ROOT_CONTEXT, headers, GETTER))
  }

  /**
   * What is around a call: the active span. Without one, as in a server whose requests are not traced, what the request
   * says of its trace.
   */
  around(): Context {
    const active = context.active()
    if (trace.getSpan(active)) return active
    const request = requestContext()
    if (!request) return active
    const { traceparent, tracestate, headers } = request
    const said = traceContextOf({ traceparent, tracestate, baggage: headers.baggage })
    return said ? this.#filtered(propagation.extract(active, said, GETTER)) : active
  }

  #filtered(around: Context): Context {
    const all = propagation.getBaggage(around)
    if (!all) return around
    const kept = all.getAllEntries().filter(([name]) => this.#allowed.has(name))
    if (kept.length === 0) return propagation.deleteBaggage(around)
    return propagation.setBaggage(around, propagation.createBaggage(Object.fromEntries(kept)))
  }
}

/** A link to the span that a context has; none where it has none. */
export function linksTo(around: Context): Link[] {
  const span = trace.getSpanContext(around)
  return span && isSpanContextValid(span) ? [{ context: span }] : []
}

/** The context without its span: a span in it begins a trace. */
export function withoutSpan(around: Context): Context {
  return trace.deleteSpan(around)
}
