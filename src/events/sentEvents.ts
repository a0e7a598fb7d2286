import { hostname } from 'node:os'
import { type AppInternals, internalsOf } from '../app/internals.ts'
import type { Prepared } from '../calls/prepareCall.ts'
import { EventDispatcher } from './dispatcher.ts'
import { callFields } from './taskFields.ts'

/** Sends `task-sent` for each call of an app. */
export class SentEvents {
  readonly #dispatcher: EventDispatcher

  constructor(app: Parameters<typeof internalsOf>[0]) {
    const { config, logicalClock, stores }: AppInternals = internalsOf(app)
    const { clock, logger } = config
    this.#dispatcher = new EventDispatcher({
      ...{ clock, logger, logicalClock },
      hostname: `gen${process.pid}@${hostname()}`,
      broker: async () => (await stores()).broker,
    })
  }

  sent({ message, queue }: Prepared): void {
    this.#dispatcher.send('task-sent', { ...callFields(message), queue, exchange: '', routing_key: queue })
  }

  close(): Promise<void> {
    return this.#dispatcher.close()
  }
}
