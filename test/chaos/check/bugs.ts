import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../../../src/app/app.ts'
import type { Settlement, UnitOfWork, Writing } from '../../../src/backend/unitOfWork.ts'
import type { Broker, Consumer, Delivery } from '../../../src/broker/broker.ts'
import type { Stores } from '../../../src/calls/stores.ts'
import { storesOf } from '../../app/stores.ts'
import type { Bug } from '../settings.ts'

/* Bugs that are put in on purpose, through the contracts of the stores and in the worker's process alone. */

/** Before the worker starts: its stores are replaced by those with the bug. */
export async function plant(app: App, bug: Bug): Promise<void> {
  const stores = (await storesOf(app)) as { -readonly [Part in keyof Stores]: Stores[Part] }
  if (bug === 'ack-before-store') stores.unitOfWork = ackBeforeStore(stores.unitOfWork)
  if (bug === 'no-fence') stores.unitOfWork = withoutFence(stores)
  if (bug === 'body-twice') stores.unitOfWork = sendingBodiesTwice(stores.unitOfWork)
  if (bug === 'lost-wake-up') stores.broker = losingWakeUps(stores.broker)
}

/** A unit of work with a `settle`, or a `write`, of its own. */
function changed(unit: UnitOfWork, own: Partial<Pick<UnitOfWork, 'settle' | 'write'>>): UnitOfWork {
  return new Proxy(unit, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The message is gone before the result is stored: a worker that dies between the two loses the result. */
function ackBeforeStore(unit: UnitOfWork): UnitOfWork {
  const settle = async ({ delivery, end, ...writing }: Settlement): Promise<boolean> => {
    const settled = end === 'ack' ? await delivery.ack() : await delivery.reject({ requeue: end === 'requeue' })
    // As long as the way to a server far away.
    await sleep(20)
    await unit.write(writing)
    return settled
  }
  return changed(unit, { settle })
}

/** The body of a chord is sent before the chord is closed: not in the same write. */
function sendingBodiesTwice(unit: UnitOfWork): UnitOfWork {
  const write = async ({ closes, ...writing }: Writing): Promise<boolean> => {
    if (closes !== undefined) await unit.write(writing)
    return unit.write(closes === undefined ? writing : { ...writing, closes })
  }
  return changed(unit, { write })
}

/** A worker whose lease is over stores its outcome, over that of the worker that took its task. */
function withoutFence({ unitOfWork, backend }: Stores): UnitOfWork {
  const settle = async (settlement: Settlement): Promise<boolean> => {
    const settled = await unitOfWork.settle(settlement)
    if (settled || !settlement.meta) return settled
    await backend.forget([settlement.meta.task_id])
    await backend.store(settlement.meta)
    return true
  }
  return changed(unitOfWork, { settle })
}

/** Some messages that come to an idle consumer do not wake it: they wait for the next one. */
function losingWakeUps(broker: Broker): Broker {
  const consume: Broker['consume'] = async (queues, options) => {
    const consumer = await broker.consume(queues, options)
    return new Proxy(consumer, {
      get(target, name) {
        if (name === Symbol.asyncIterator) return () => missing(target)
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  return new Proxy(broker, {
    get(target, name) {
      if (name === 'consume') return consume
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function* missing(consumer: Consumer): AsyncGenerator<Delivery> {
  let missed: Delivery | undefined
  let count = 0
  for await (const delivery of consumer) {
    if (!missed && ++count % 20 === 0) {
      missed = delivery
      continue
    }
    if (missed) yield missed
    missed = undefined
    yield delivery
  }
}
