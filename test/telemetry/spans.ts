import { appendFileSync, readFileSync } from 'node:fs'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

/** A span that has ended, in whatever thread or process. */
export interface Ended {
  readonly name: string
  readonly kind: keyof typeof SpanKind
  readonly trace: string
  readonly id: string
  readonly parent: string | undefined
  readonly links: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number; readonly message?: string }
  readonly events: readonly { readonly name: string; readonly attributes?: Readonly<Record<string, unknown>> }[]
  readonly start: number
  readonly end: number
  readonly place: string
}

const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

/** The SDK of OpenTelemetry in this thread; each span that ends is written. */
function register(write: (span: Ended) => void, place: string): void {
  const exporter = {
    export: (spans: readonly ReadableSpan[], done: (result: { code: number }) => void) => {
      for (const span of spans) write(endedOf(span, place))
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve(),
    forceFlush: () => Promise.resolve(),
  }
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  )
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
}

function endedOf(span: ReadableSpan, place: string): Ended {
  return {
    name: span.name,
    kind: SpanKind[span.kind] as Ended['kind'],
    trace: span.spanContext().traceId,
    id: span.spanContext().spanId,
    parent: span.parentSpanContext?.spanId,
    links: span.links.map((link) => link.context.spanId),
    attributes: span.attributes,
    status: span.status,
    events: span.events.map(({ name, attributes }) => ({ name, attributes })),
    start: ms(span.startTime),
    end: ms(span.endTime),
    place,
  }
}

/** Keep the spans of this thread, until `stop`. */
export function collect(): { readonly spans: readonly Ended[]; stop(): void } {
  const spans: Ended[] = []
  register((span) => spans.push(span), 'here')
  const stop = (): void => {
    for (const api of [trace, context, propagation]) api.disable()
  }
  return { spans, stop }
}

/** Add the spans of this thread to the file that SPANS names, one a line. */
export function writeSpans(place: string): void {
  register((span) => appendFileSync(process.env.SPANS as string, `${JSON.stringify(span)}\n`), place)
}

/** The spans in that file. */
export function spans(): Ended[] {
  const lines = readFileSync(process.env.SPANS as string, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Ended)
}
