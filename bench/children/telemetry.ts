import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { App } from 'celeriac'

/** `api`: `tracing()` without an SDK; numbers: with one that samples this share of the traces; `metrics`: `metrics()`. */
export type Telemetry = 'api' | 'metrics' | number

/** What an exporter costs is its own. */
const NOWHERE: SpanExporter = {
  export: (_, done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
  forceFlush: () => Promise.resolve(),
}

/** Observe an app of the celeriac in this folder. */
export async function observe(app: App, root: string, telemetry: Telemetry): Promise<void> {
  const { resolve } = createRequire(join(root, 'package.json'))
  const entry = pathToFileURL(resolve('celeriac/opentelemetry')).href
  const { metrics, tracing } = (await import(entry)) as typeof import('celeriac/opentelemetry')
  if (telemetry === 'metrics') {
    metrics(app, { meter: new MeterProvider().getMeter('bench') })
    return
  }
  if (telemetry !== 'api') register(telemetry)
  app.use(tracing())
}

function register(share: number): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) })
  const spanProcessors = [new BatchSpanProcessor({ exporter: NOWHERE })]
  trace.setGlobalTracerProvider(new TracerProvider({ sampler, spanProcessors }))
}
