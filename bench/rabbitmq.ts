/*
 * npm run bench:rabbitmq -- [--repeats N] [--only NAME,…] [--sides NAME,…] [--json FILE]
 * What a RabbitMQ node does under celeriac, a bare amqplib loop and Python's Celery, in turn on one private node; see docs/benchmarks.md.
 */
import { parseArgs } from 'node:util'
import { RabbitServer } from '../test/rabbitmq/server.ts'
import { machine } from './machine.ts'
import { Place } from './rabbitmq/place.ts'
import { drainScenario, enqueueScenario, roundTripScenario } from './rabbitmq/scenarios.ts'
import { present, type Side } from './rabbitmq/sides.ts'
import { verdicts } from './rabbitmq/verdicts.ts'
import { Server } from './redis/server.ts'
import { introduce, measureAll, only, type Scenario, save, show } from './rounds.ts'

const { values: flags } = parseArgs({
  options: {
    repeats: { type: 'string', default: '3' },
    only: { type: 'string' },
    sides: { type: 'string', default: 'celeriac,bare,plain,celery' },
    json: { type: 'string' },
  },
})

function scenarios(place: Place): Scenario<Side>[] {
  const repeats = Number(flags.repeats)
  const workers = ['celeriac', 'Celery']
  const list: Scenario<Side>[] = [
    {
      name: 'enqueue',
      title: 'confirmed calls, 1,000 in flight (Celery: one at a time)',
      repeats,
      run: (side) => enqueueScenario(place, side),
    },
    {
      name: 'drain-bare',
      title: 'messages of another process, consumed and acknowledged',
      repeats,
      sides: ['bare', 'plain'],
      run: (side) => drainScenario(place, side, 'rpc'),
    },
    {
      name: 'drain-rpc',
      title: 'no-op tasks of another process, concurrency 100, results by rpc://',
      repeats,
      sides: workers,
      run: (side) => drainScenario(place, side, 'rpc'),
    },
    {
      name: 'drain-redis',
      title: 'the same, results in Redis',
      repeats,
      sides: workers,
      run: (side) => drainScenario(place, side, 'redis'),
    },
    {
      name: 'round-trip',
      title: 'call to result by rpc:// across two idle processes, 300 times',
      repeats,
      run: (side) => roundTripScenario(place, side),
    },
  ]
  return only(list, flags.only)
}

async function main(): Promise<void> {
  const facts = machine()
  const rabbit = await RabbitServer.start()
  const redis = await Server.start()
  try {
    const place = new Place(rabbit, redis)
    const rabbitmq = await rabbit.ctl('version')
    const found = await present(rabbit.url(), flags.sides.split(','))
    introduce(`RabbitMQ ${rabbitmq} on one scheduler, classic queues, redis-server ${Server.version()}`, found)
    const usable = found.filter((one) => 'version' in one)
    const sides = usable.map(({ side }) => side)
    const list = scenarios(place)
    const measured = await measureAll(list, sides, () => place.empty())
    const names = sides.map(({ name }) => name)
    show(list, names, measured, verdicts(measured))
    if (flags.json) {
      const versions = usable.map(({ side, version }) => ({ name: side.name, version, semantics: side.semantics }))
      const servers = { rabbitmq, redis: Server.version() }
      save(flags.json, { machine: facts, ...servers, sides: versions, measured, verdicts: verdicts(measured) })
    }
  } finally {
    await Promise.all([rabbit.stop(), redis.stop()])
  }
}

await main()
