import fc from 'fast-check'
import { afterAll, beforeAll, test } from 'vitest'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'
import { runs } from '../../tier.ts'
import { LimitModel, NEEDS, QUEUES, RULES } from './limitModel.ts'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

type Step = (model: LimitModel) => Promise<unknown>

const queue = fc.nat({ max: QUEUES.length - 1 })
const need = fc.nat({ max: NEEDS.length - 1 })
const any = fc.nat({ max: 20 })

function named<Args extends unknown[]>(
  name: string,
  args: { [At in keyof Args]: fc.Arbitrary<Args[At]> },
  run: (model: LimitModel, ...args: Args) => Promise<unknown>,
): fc.Arbitrary<Step> {
  return fc.tuple(...args).map((values) =>
    Object.assign((model: LimitModel) => run(model, ...(values as Args)), {
      toString: () => `${name}(${values.join(', ')})`,
    }),
  )
}

const step = fc.oneof(
  { weight: 8, arbitrary: named('publish', [queue, need], (model, ...args) => model.publish(...args)) },
  { weight: 5, arbitrary: named('claim', [queue, fc.nat({ max: 6 })], (model, at, most) => model.claim(at, most + 1)) },
  { weight: 4, arbitrary: named('ack', [any], (model, at) => model.settle(at, 'ack')) },
  { weight: 1, arbitrary: named('requeue', [any], (model, at) => model.settle(at, 'requeue')) },
  { weight: 1, arbitrary: named('return', [any], (model, at) => model.settle(at, 'return')) },
  { weight: 1, arbitrary: named('lose', [queue], (model, at) => model.claim(at, 2, true)) },
  { weight: 1, arbitrary: named('restore', [any], (model, at) => model.restore(at)) },
  { weight: 1, arbitrary: named('sweep', [], (model) => model.sweep()) },
  { weight: 1, arbitrary: named('delay', [queue, need], (model, ...args) => model.publish(...args, 3)) },
  { weight: 1, arbitrary: named('pause', [need], (model, at) => model.stop('pause', at)) },
  { weight: 1, arbitrary: named('resume', [need], (model, at) => model.stop('resume', at)) },
  { weight: 1, arbitrary: named('holdBack', [need], (model, at) => model.holdBack(at, 5)) },
  { weight: 1, arbitrary: named('report', [fc.boolean()], (model, ok) => model.report(ok)) },
  { weight: 1, arbitrary: named('define', [fc.nat({ max: RULES.length - 1 })], (model, at) => model.define(at)) },
  { weight: 1, arbitrary: named('take', [any], (model, at) => model.take(at)) },
  { weight: 1, arbitrary: named('move', [any], (model, at) => model.move(at)) },
  { weight: 1, arbitrary: named('purge', [queue], (model, at) => model.purge(at)) },
  { weight: 1, arbitrary: named('wait', [], () => new Promise((resolve) => setTimeout(resolve, 6))) },
  { weight: 2, arbitrary: named('rest', [], (model) => model.rest()) },
)

test('whatever is done: never more than the limits allow, nothing that may pass stays, nothing is left behind', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      await server.cli('FLUSHALL')
      const broker = new StandaloneRedisBroker(server.url(), { lease: 30_000, visibilityTimeout: 3_600_000 })
      try {
        const model = new LimitModel(broker)
        await model.start()
        for (const run of steps) {
          await run(model)
          await model.checkLayout()
        }
        await model.rest()
        await model.end()
      } finally {
        await broker.close()
      }
    }),
    { numRuns: runs(60) },
  )
})
