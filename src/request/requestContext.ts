import type { ContextValues } from '../config/requestValues.ts'

/** Header of our own that carries the request context; `docs/request-context.md` describes its JSON. */
export const CONTEXT_HEADER = 'celeriac_context'

/** What is known of the request in which a task was called, or that a handler serves. */
export interface RequestContext<Values = ContextValues> {
  readonly method: string | undefined
  /** As the client asked for it, with the path where the handler is mounted, without the query. */
  readonly path: string | undefined
  /**
   * Scheme, host and, where one is configured, the path before the application's own: `https://shop.example`. Never
   * ends in a slash.
   */
  readonly baseUrl: string | undefined
  /** Parameters of the query, decoded; a list where one came more than once. */
  readonly query: Readonly<Record<string, string | readonly string[]>>
  /** The chosen headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Who sent the request, as the application found. */
  readonly identity: unknown
  /** What the application added; empty where it added nothing. */
  readonly values: Readonly<Partial<Values>>
  /** W3C trace context. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** Parts of the request that were left out because they are too long: `query`, `headers`, `path`, `tracestate`. */
  readonly omitted: readonly string[]
}

/** The context as it travels: plain JSON, what is not known is absent. */
export interface ContextWire {
  readonly method?: string
  readonly path?: string
  readonly base_url?: string
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
  readonly identity?: unknown
  readonly values?: ContextValues
  readonly traceparent?: string
  readonly tracestate?: string
  readonly omitted?: readonly string[]
}

/** A context in both forms: for tasks to read, and to be sent. */
export interface Carried {
  readonly view: RequestContext
  readonly wire: ContextWire
}

/** Where a context comes from. It is made at the first use: most requests call no task. Throws what makes it wrong. */
export interface ContextSource {
  readonly carried: Carried
}

/** A source that makes its context once. */
export class LazyContext implements ContextSource {
  readonly #make: () => Carried
  #made: Carried | undefined

  constructor(make: () => Carried) {
    this.#make = make
  }

  get carried(): Carried {
    this.#made ??= this.#make()
    return this.#made
  }
}

const EMPTY: Readonly<Record<string, never>> = Object.freeze({})
const NONE: readonly string[] = Object.freeze([])

/** The context of these parts. `values` are those of the wire as the app's schema made them. */
export function carriedOf(wire: ContextWire, values: ContextValues = wire.values ?? EMPTY): Carried {
  return new MadeContext(wire, values)
}

/** What is only sent on needs no view. */
class MadeContext implements Carried {
  readonly wire: ContextWire
  readonly #values: ContextValues
  #view: RequestContext | undefined

  constructor(wire: ContextWire, values: ContextValues) {
    this.wire = wire
    this.#values = values
  }

  get view(): RequestContext {
    this.#view ??= viewOf(this.wire, this.#values)
    return this.#view
  }
}

function viewOf(wire: ContextWire, values: ContextValues): RequestContext {
  return Object.freeze({
    method: wire.method,
    path: wire.path,
    baseUrl: wire.base_url,
    query: wire.query ?? EMPTY,
    headers: wire.headers ?? EMPTY,
    identity: wire.identity ?? undefined,
    values,
    traceparent: wire.traceparent,
    tracestate: wire.tracestate,
    omitted: wire.omitted ?? NONE,
  })
}
