import { context, SpanKind, type Tracer, type TracerProvider, trace } from '@opentelemetry/api'
import type { LayerOptions, Processing, Publication } from '../../app/lifeCycle/layers.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { TRACE_HEADERS, traceContextOf } from '../../protocol/traceContext.ts'
import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, shown } from '../../std/validate.ts'
import type { Run } from '../../tasks/runJob.ts'
import { processAttributes, publishAttributes, queueOf, runAttributes, SCHEMA_URL } from './attributes.ts'
import { endRun, endWith, within } from './ends.ts'
import { LINKED_HEADER, linksTo, Propagation, withoutSpan } from './propagate.ts'

/** How tasks are traced. */
export interface TracingOptions {
  /** Names of the entries of the baggage that go with a job. Default: none. */
  readonly baggage?: readonly string[] | undefined
  /** Default: that of OpenTelemetry's global provider, with the name `celeriac`. */
  readonly tracer?: Tracer | undefined
}

/** What a span replaces, or drops where it has none. */
const OWN_HEADERS = [...TRACE_HEADERS, LINKED_HEADER]

const KNOWN_OPTIONS = new Set(['baggage', 'tracer'])

/**
 * Spans for the jobs of an app: `app.use(tracing())`. Each write of messages is a span `publish QUEUE`, each message in
 * a worker `process QUEUE`, to its settlement, and each run of a task `run TASK`, where the task runs. They are in one
 * trace: that of the caller, which a message carries in the headers `traceparent` and `tracestate`. The jobs of one
 * `delayMany` are a trace each, linked to the call. No arguments and no results are in a span. Throws ArgumentError for
 * options that cannot be.
 */
export function tracing(options: TracingOptions = {}): LayerOptions {
  refuseUnknown(options, KNOWN_OPTIONS, 'tracing')
  const { baggage = [], tracer } = options
  if (!Array.isArray(baggage) || !baggage.every((name) => typeof name === 'string' && name !== ''))
    throw new ArgumentError(`tracing: baggage: expected a list of names, got ${shown(baggage)}`)
  const layers = new TraceLayers(new Propagation(baggage), tracer)
  return {
    publish: (publication, next) => layers.publish(publication, next),
    process: (processing, next) => layers.process(processing, next),
    run: (run, next) => layers.run(run, next),
  }
}

class TraceLayers {
  readonly #propagation: Propagation
  readonly #given: Tracer | undefined
  #provider: TracerProvider | undefined
  #ofProvider: Tracer | undefined

  constructor(propagation: Propagation, tracer: Tracer | undefined) {
    this.#propagation = propagation
    this.#given = tracer
  }

  /** Of the provider of this moment, which may be registered after the app was made. */
  get #tracer(): Tracer {
    if (this.#given) return this.#given
    const provider = trace.getTracerProvider()
    if (this.#ofProvider && provider === this.#provider) return this.#ofProvider
    this.#provider = provider
    this.#ofProvider = provider.getTracer('celeriac', undefined, { schemaUrl: SCHEMA_URL })
    return this.#ofProvider
  }

  async publish(
    publication: Publication,
    next: (publication: Publication) => Promise<readonly boolean[]>,
  ): Promise<readonly boolean[]> {
    const { kind, calls } = publication
    const around = this.#propagation.around()
    const links = calls.flatMap(({ headers }) =>
      traceContextOf(headers) ? linksTo(this.#propagation.extract(headers)) : [],
    )
    const span = this.#tracer.startSpan(
      `publish ${queueOf(calls) ?? ''}`.trimEnd(),
      { kind: SpanKind.PRODUCER, attributes: publishAttributes(publication), links },
      around,
    )
    const linked = kind === 'batch' && calls.length > 1 ? { [LINKED_HEADER]: true } : {}
    const headers = { ...publication.headers, ...this.#propagation.inject(span, around), ...linked }
    return within(span, trace.setSpan(around, span), () => next({ ...publication, headers }))
  }

  async process(
    processing: Processing,
    next: (processing: Processing) => Promise<Outcome | undefined>,
  ): Promise<Outcome | undefined> {
    const from = this.#propagation.extract(processing.headers)
    const parent = processing.headers[LINKED_HEADER] === true ? withoutSpan(from) : from
    const options = { kind: SpanKind.CONSUMER, attributes: processAttributes(processing), links: linksTo(from) }
    const span = this.#tracer.startSpan(`process ${processing.queue}`, options, parent)
    const headers = withTrace(processing.headers, this.#propagation.inject(span, parent))
    return within(span, trace.setSpan(parent, span), async () => {
      const outcome = await next({ ...processing, headers })
      endWith(span, outcome, processing.concealed)
      return outcome
    })
  }

  async run(run: Run, next: (run: Run) => Promise<unknown>): Promise<unknown> {
    const { task, headers } = run.job
    const from = traceContextOf(headers) ? this.#propagation.extract(headers) : context.active()
    const span = this.#tracer.startSpan(`run ${task}`, { attributes: runAttributes(run.job) }, from)
    const throws = run.definition?.options.throws ?? []
    return within(
      span,
      trace.setSpan(from, span),
      () => next(run),
      (error) => endRun(span, error, throws, run.concealed !== undefined),
    )
  }
}

/** The same headers with this trace context instead of theirs; as they are where none is propagated. */
function withTrace(headers: Processing['headers'], trace: Readonly<Record<string, string>>): Processing['headers'] {
  if (Object.keys(trace).length === 0) return headers
  const next: Record<string, unknown> = { ...headers, ...trace }
  for (const name of OWN_HEADERS) if (next[name] !== trace[name]) delete next[name]
  return next
}
