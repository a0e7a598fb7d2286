import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AlertMemory, AlertWatch } from '../../src/alerts/alertWatch.ts'
import { type AlertOptions, parseAlerts } from '../../src/alerts/options.ts'
import type { Watched } from '../../src/alerts/readings.ts'
import type { AlertRule } from '../../src/alerts/rules.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { ManualClock } from '../beat/clock.ts'
import { Receiver, secretOf } from '../webhook/receiver.ts'

const SECRET = secretOf('alerts')
/** Receivers refuse what was signed long ago. */
const START = Date.now()

/** The file of a recorder, as far as alerts use it: what was saved is there for the next process. */
class Memory implements AlertMemory {
  text: string | undefined
  saves = 0
  isOurs = () => true
  load = async () => this.text
  save = async (text: string) => {
    this.saves++
    this.text = text
    return true
  }
}

let receiver: Receiver
let clock: ManualClock
let memory: Memory
let lines: Record<string, unknown>[]
const ages = new Map<string, number>()
let problem: Error | undefined
const watched: Watched = {
  stats: async () => ({ step: '1s', series: [], gaps: [] }),
  workers: async () => [],
  queues: async () => {
    if (problem) throw problem
    return [...ages].map(([name, oldestAge]) => ({ name, oldestAge }))
  },
  schedules: async () => [],
  limits: async () => [],
  bounds: async () => [],
}
const RULES: readonly AlertRule[] = [{ name: 'late', on: 'oldest-age', above: '10m', for: '1m', severity: 'critical' }]

beforeEach(async () => {
  receiver = await Receiver.start()
  clock = new ManualClock(START)
  memory = new Memory()
  lines = []
  ages.clear()
  problem = undefined
})
afterEach(() => receiver.stop())

function alerts(more: Partial<AlertOptions> = {}): AlertWatch {
  const to = receiver.url
  const options = parseAlerts({ rules: RULES, to, secret: SECRET, allow: ['127.0.0.1'], ...more }, 'shop', 'alerts')
  const logger = createLogger('debug', { write: (line: string) => lines.push(JSON.parse(line)) })
  return new AlertWatch({ options, watched, memory, clock, logger, firstDelay: 1000 })
}

const bodies = () => receiver.got.map(({ body }) => JSON.parse(body))
const setClock = (ms: number) => clock.advance(START + ms - clock.now())
const minutes = (count: number) => count * 60_000

test('an alert and its recovery, signed as Standard Webhooks, each once', async () => {
  const watch = alerts()
  ages.set('mail', minutes(11))
  await watch.check()
  setClock(minutes(1))
  await watch.check()
  await watch.check()
  ages.delete('mail')
  await watch.check()
  setClock(minutes(2))
  await watch.check()
  await watch.check()
  expect(bodies()).toMatchObject([
    {
      specversion: '1.0',
      type: 'celeriac.alert.firing.v1',
      source: 'urn:celeriac:shop',
      subject: 'late: queue mail',
      data: {
        ...{ rule: 'late', on: 'oldest-age', severity: 'critical', subject: 'queue mail', value: minutes(11) },
        text: 'a message waits in the queue mail for 660 s',
        startedAt: new Date(START).toISOString(),
      },
    },
    { type: 'celeriac.alert.resolved.v1', subject: 'late: queue mail' },
  ])
  for (const { headers, body } of receiver.got) new Webhook(SECRET).verify(body, headers)
  expect(memory.text).toBe(JSON.stringify({ states: [], outgoing: [] }))
})

test('a receiver that fails gets it again, with the same id, until it accepts; the alerts of others do not wait', async () => {
  const other = await Receiver.start()
  try {
    receiver.answer = (response) => response.writeHead(receiver.got.length < 3 ? 500 : 204).end()
    const watch = alerts({ to: [receiver.url, other.url], rules: [{ ...RULES[0], for: 0 } as AlertRule] })
    ages.set('mail', minutes(11))
    await watch.check()
    expect([receiver.got.length, other.got.length]).toEqual([1, 1])
    await watch.check()
    expect(receiver.got).toHaveLength(1)
    setClock(1200)
    await watch.check()
    setClock(5000)
    await watch.check()
    setClock(minutes(1))
    await watch.check()
    expect([receiver.got.length, other.got.length]).toEqual([3, 1])
    expect(new Set(bodies().map(({ id }) => id)).size).toBe(1)
  } finally {
    await other.stop()
  }
})

test('a process that dies between the write and the delivery, or after it: delivered at least once, with one id', async () => {
  const rules = [{ ...RULES[0], for: 0 } as AlertRule]
  ages.set('mail', minutes(11))
  // It dies in the delivery: what it has written before is all that there is.
  const save = memory.save
  memory.save = async (text) => {
    const isSaved = await save(text)
    memory.save = async () => {
      throw new Error('died')
    }
    return isSaved
  }
  await expect(alerts({ rules }).check()).rejects.toThrow('died')
  expect(receiver.got).toHaveLength(1)
  memory.save = save
  await alerts({ rules }).check()
  expect(receiver.got).toHaveLength(2)
  expect(new Set(bodies().map(({ id }) => id)).size).toBe(1)
  await alerts({ rules }).check()
  expect(receiver.got).toHaveLength(2)
})

test('what cannot be read is neither an alert nor a recovery, and is logged once', async () => {
  const watch = alerts({ rules: [{ ...RULES[0], for: 0, recovery: 0 } as AlertRule] })
  ages.set('mail', minutes(11))
  await watch.check()
  problem = new StoreUnavailableError('no store')
  await watch.check()
  await watch.check()
  expect(await watch.report()).toMatchObject([
    { rule: 'late', readings: [], problem: 'no store', states: [{ status: 'firing' }] },
  ])
  expect(lines.filter(({ msg }) => msg === 'a rule of the alerts could not be looked at')).toHaveLength(1)
  problem = undefined
  await watch.check()
  expect(bodies()).toHaveLength(1)
})

test('a report says what would be sent, and sends nothing; another process that looks after them sends alone', async () => {
  const watch = alerts()
  ages.set('mail', minutes(11))
  expect(await watch.report()).toMatchObject([{ rule: 'late', readings: [{ subject: 'queue mail' }], states: [] }])
  memory.isOurs = () => false
  setClock(minutes(5))
  await watch.check()
  expect(memory.saves).toBe(0)
  expect(receiver.got).toEqual([])
})

test('as a service it looks again and again, and stops', async () => {
  const watch = alerts({ rules: [{ ...RULES[0], for: 0 } as AlertRule] })
  ages.set('mail', minutes(11))
  await watch.start()
  setClock(1)
  await receiver.nth(1)
  await watch.stop()
  await watch.stop()
})

test.each([
  [{ rules: [] }, /rules: expected 1 to 1000/],
  [{ rules: {} }, /rules: expected a list/],
  [{ rules: [{ name: 'a', on: 'b' }] }, /rules\[0\]: on: expected one of failure-rate/],
  [{ rules: [{ name: 'a', on: 'oldest-age' }] }, /rules\[0\]: above/],
  [{ rules: [{ name: 'a', on: 'failure-rate', above: 2 }] }, /above: expected a share/],
  [{ rules: [{ name: 'a', on: 'worker-lost', above: 2 }] }, /above/],
  [{ rules: [...RULES, ...RULES] }, /each name once, got .late. twice/],
  [{ to: 'http://example.com/' }, /https:/],
  [{ to: 'https://10.0.0.1/' }, /public/],
  [{ to: [] }, /to: expected a URL/],
  [{ secret: 'x' }, /secret/],
  [{ every: '0s' }, /every: expected 1 s/],
])('%j is refused', (more, message) => {
  expect(() => alerts(more as never)).toThrow(message)
})
