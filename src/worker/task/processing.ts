import type { Processing } from '../../app/lifeCycle/layers.ts'
import type { Stores } from '../../calls/stores.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { compose } from '../../std/middleware.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { Request } from './request.ts'

/** Where a message is processed. */
interface Place {
  readonly app: Pick<WorkerApp, 'config' | 'layers'>
  readonly stores: Pick<Stores, 'broker'>
}

/** Process a request with `run`, through the layers of the app, which may change the headers that its run gets. */
export async function throughLayers(
  request: Request,
  { app, stores }: Place,
  run: () => Promise<Outcome | undefined>,
): Promise<void> {
  const core = ({ headers }: Processing): Promise<Outcome | undefined> => {
    request.withHeaders(headers)
    return run()
  }
  await compose(app.layers.process, core)(processingOf(request, app.config.clock.now(), stores.broker.url))
}

function processingOf(request: Request, now: number, broker: string): Processing {
  const { lost, hostname } = request
  const { rootId, headers } = request.message
  // Plain properties, no getter: layers copy them, and to copy a getter costs more than all the rest.
  const { id, task, queue, retries, request: http, concealed } = request.facts
  return {
    id,
    task,
    queue,
    retries,
    request: http,
    rootId,
    waited: request.waited(now),
    lost,
    hostname,
    broker,
    headers,
    ...(concealed !== undefined && { concealed }),
  }
}
