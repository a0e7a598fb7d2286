import { fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { ResultBackend } from '../../src/backend/backend.ts'
import type { NoteStore } from '../../src/backend/notes.ts'
import { Celeriac } from '../../src/celeriac.ts'
import { parseWebhooks, type WebhookOptions } from '../../src/config/webhookOptions.ts'
import { systemClock } from '../../src/std/clock.ts'
import { ConfigError, StoreUnavailableError } from '../../src/std/errors.ts'
import { uuidOf } from '../../src/std/id.ts'
import { createLogger, LeveledLogger, type LineLevel, type Logger } from '../../src/std/log.ts'
import { Endpoint, enable, troubleKey, troubleOf } from '../../src/webhook/endpoint.ts'
import { type Lab, onEachStore, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { deadIn } from '../deadLetters.ts'
import { inThreads } from './inThreads.ts'
import { define, webhooks } from './modules/app.ts'
import { Receiver, secretOf } from './receiver.ts'

const DAY = 86_400_000

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver.stop())

/** A log that is kept: level and message of each line. */
class KeptLog extends LeveledLogger {
  readonly lines: string[] = []

  override child(): Logger {
    return this
  }

  protected override line(level: LineLevel, _fields: object, message: string): void {
    this.lines.push(`${level} ${message}`)
  }
}

const open = (lab: Lab, options: Partial<WebhookOptions> = {}, more: object = {}): App =>
  define(lab.app({ webhooks: { ...webhooks, retries: 0, ...options }, ...more }))

const answer = (status: number): void => {
  receiver.answer = (response) => response.writeHead(status).end()
}

/** A job, and how the delivery that it is followed by ended. */
async function told(app: App, url: string): Promise<string> {
  const { id } = await app.send('add', [1, 1], { webhook: url })
  return endOf(app, id)
}

async function endOf(app: App, job: string): Promise<string> {
  const delivery = app.result(uuidOf(job, 'webhook', 'SUCCESS'))
  // On two stores the record of the job comes before that of its delivery.
  await until(async () => (await delivery.info()) !== undefined)
  return delivery.get().then(
    () => 'delivered',
    (error: Error) => error.message,
  )
}

async function notesOf(app: App): Promise<NoteStore> {
  return (await storesOf(app)).backend.notes as NoteStore
}

/** As if the endpoint had failed for so long, ms. */
async function failedFor(app: App, ago: number): Promise<void> {
  const value = JSON.stringify({ since: Date.now() - ago })
  await (await notesOf(app)).put({ key: troubleKey(receiver.url), value, expires: Date.now() + DAY })
}

/** As if the time between two probes were over. */
async function probeIsDue(app: App): Promise<void> {
  const key = `${troubleKey(receiver.url)} probe`
  await (await notesOf(app)).put({ key, value: '', expires: 0 })
}

onEachStore((lab, kind) => {
  test('an endpoint that fails too long: nothing more is sent to it, by whatever worker, until it is enabled', async () => {
    const logger = new KeptLog()
    const app = open(lab(), {}, { logger })
    const worker = await lab().work(app)
    await failedFor(app, 6 * DAY)
    answer(500)
    const ends = await Promise.all(Array.from({ length: 10 }, () => told(app, receiver.url)))
    for (const end of ends) expect(end).toContain('expected a status of 2xx, got 500')
    const sent = receiver.got.length
    const isDisabled = /the endpoint is disabled: expected a status of 2xx, got 500 \(failing since \d{4}-.*Z\)/
    expect(await told(app, receiver.url)).toMatch(isDisabled)
    expect(
      logger.lines.filter((line) => line.includes('is disabled:') && !line.includes('Task celeriac.webhook')),
    ).toEqual(['error a webhook endpoint is disabled: deliveries to it fail at once'])

    // Another process, later; in memory there is none.
    let other = app
    if (kind !== 'memory') {
      await worker.stop()
      other = open(lab())
      await lab().work(other)
    }
    answer(204)
    expect(await told(other, receiver.url)).toMatch(isDisabled)
    expect(receiver.got).toHaveLength(sent)
    await until(async () => (await deadIn(other)) === 12)
    expect(await told(other, `${receiver.url}?another`)).toBe('delivered')

    expect(await enable(receiver.url, await notesOf(other))).toBe(true)
    expect(await enable(receiver.url, await notesOf(other))).toBe(false)
    expect(await told(other, receiver.url)).toBe('delivered')
  })

  test('a disabled one is probed: by one delivery at a time, until one is accepted', async () => {
    const logger = new KeptLog()
    const app = open(lab(), { disableAfter: 0 }, { logger })
    await lab().work(app)
    const other = kind === 'memory' ? app : open(lab(), { disableAfter: 0 })
    if (other !== app) await lab().work(other)
    answer(503)
    await told(app, receiver.url)
    const { got } = receiver
    expect(got).toHaveLength(1)

    await probeIsDue(app)
    const ends = await Promise.all(Array.from({ length: 10 }, (_, n) => told(n % 2 ? app : other, receiver.url)))
    expect(got).toHaveLength(2)
    expect(ends.filter((end) => end.includes('got 503') && !end.includes('is disabled'))).toHaveLength(1)
    expect(ends.filter((end) => end.includes('is disabled'))).toHaveLength(9)

    await probeIsDue(app)
    answer(200)
    expect(await told(app, receiver.url)).toBe('delivered')
    expect(await troubleOf(receiver.url, await notesOf(app))).toBeUndefined()
    expect(await Promise.all([told(app, receiver.url), told(other, receiver.url)])).toEqual(['delivered', 'delivered'])
    expect(got).toHaveLength(5)
    if (other === app) expect(logger.lines).toContain('info a webhook endpoint works again: it is enabled')
  })
})

describe('an endpoint is disabled', () => {
  const lab = useLab('sqlite')

  test('at once by 410; not where the option is off', async () => {
    answer(410)
    const app = open(lab(), { retries: 5 })
    const worker = await lab().work(app)
    expect(await told(app, receiver.url)).toContain('the receiver is gone: HTTP 410')
    expect(await told(app, receiver.url)).toContain('is disabled: expected a status of 2xx, got 410')
    expect(receiver.got).toHaveLength(1)
    await worker.stop()
    const off = open(lab(), { disableAfter: false })
    await lab().work(off)
    for (let n = 0; n < 2; n++) expect(await told(off, receiver.url)).toContain('HTTP 410')
    expect(receiver.got).toHaveLength(3)
  })

  test('by a delivery that fails for good after the time, not by one that is repeated, not before the time', async () => {
    const app = open(lab(), { retries: 2 })
    await lab().work(app)
    const notes = await notesOf(app)
    answer(500)
    await told(app, receiver.url)
    const first = await troubleOf(receiver.url, notes)
    expect(first).toEqual({ since: expect.any(Number) })
    await told(app, receiver.url)
    expect(await troubleOf(receiver.url, notes)).toEqual(first)
    expect(receiver.got).toHaveLength(6)

    await failedFor(app, 6 * DAY)
    const seen: unknown[] = []
    receiver.answer = async (response) => {
      seen.push((await troubleOf(receiver.url, notes))?.disabled)
      response.writeHead(500).end()
    }
    await told(app, receiver.url)
    expect(seen).toEqual([undefined, undefined, undefined])
    expect(await troubleOf(receiver.url, notes)).toHaveProperty('disabled')
  })

  test('not after a success, also one while another delivery waits for its answer', async () => {
    const app = open(lab())
    await lab().work(app)
    await failedFor(app, 6 * DAY)
    const released: (() => void)[] = []
    receiver.answer = (response) => void released.push(() => response.writeHead(500).end())
    const slow = told(app, receiver.url)
    await until(() => released.length === 1)
    answer(204)
    expect(await told(app, receiver.url)).toBe('delivered')
    released[0]?.()
    expect(await slow).toContain('got 500')
    const trouble = await troubleOf(receiver.url, await notesOf(app))
    expect(trouble?.disabled).toBeUndefined()
    expect(Date.now() - (trouble?.since ?? 0)).toBeLessThan(DAY)
  })

  test('not by what is ours: an address that may not be told, a secret that is not there, a worker that stops', async () => {
    const app = open(lab(), {
      disableAfter: 0,
      secret: (url) => {
        if (url.endsWith('?secret')) throw new Error('no secret')
        return secretOf('one')
      },
    })
    const worker = await lab().work(app)
    const { id } = await app.send('add', [1, 1], { headers: { celeriac_webhook: 'https://10.0.0.1/' } })
    expect(await endOf(app, id)).toContain('a public host')
    const notes = await notesOf(app)
    expect(await troubleOf('https://10.0.0.1/', notes)).toBeUndefined()
    expect(await told(app, `${receiver.url}?secret`)).toBe('no secret')
    expect(await troubleOf(`${receiver.url}?secret`, notes)).toBeUndefined()
    receiver.answer = () => undefined
    await app.send('add', [1, 1], { webhook: receiver.url })
    await receiver.nth(1)
    await worker.stop({ grace: 0 })
    expect(await troubleOf(receiver.url, notes)).toBeUndefined()
  })

  test('also where a worker died between the two notes that say so', async () => {
    const app = open(lab(), { disableAfter: 0, probeEvery: '1h' })
    await lab().work(app)
    const notes = await notesOf(app)
    await notes.putIfAbsent({ key: `${troubleKey(receiver.url)} probe`, value: '', expires: Date.now() + 3_600_000 })
    answer(500)
    await told(app, receiver.url)
    expect((await troubleOf(receiver.url, notes))?.disabled).toBeUndefined()
    await probeIsDue(app)
    await told(app, receiver.url)
    expect((await troubleOf(receiver.url, notes))?.disabled).toBeDefined()
  })

  test('a worker that is killed while it probes: its delivery fails, and the next probe finds out', async () => {
    receiver.answer = () => undefined
    const child = fork(new URL('./modules/process.ts', import.meta.url), [lab().url])
    lab().after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    const app = open(lab(), {}, { lease: '1s' })
    const disabled = { since: Date.now() - 6 * DAY, disabled: 'got 500' }
    const note = { key: troubleKey(receiver.url), value: JSON.stringify(disabled), expires: Date.now() + DAY }
    await (await notesOf(app)).put(note)
    const { id } = await app.send('add', [1, 1], { webhook: receiver.url })
    await receiver.nth(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await lab().work(app)
    expect(await endOf(app, id)).toContain('the endpoint is disabled: got 500')
    expect(receiver.got).toHaveLength(1)
    await probeIsDue(app)
    answer(204)
    expect(await told(app, receiver.url)).toBe('delivered')
  })

  test('for threads, too', async () => {
    const { app, add } = await inThreads(lab(), 2)
    answer(410)
    const ended = async (): Promise<string> => {
      const { id } = await add.applyAsync([1, 1], { webhook: receiver.url })
      return endOf(app, id)
    }
    expect(await ended()).toContain('HTTP 410')
    expect(await ended()).toContain('is disabled')
    expect(receiver.got).toHaveLength(1)
    expect(await app.enableWebhook(receiver.url)).toBe(true)
    await expect(app.enableWebhook('nothing')).rejects.toThrow('expected a URL')
  })

  test('and what works costs one read, and no write', async () => {
    const app = open(lab())
    await lab().work(app)
    const notes = await notesOf(app)
    const calls: string[] = []
    for (const name of ['get', 'put', 'putIfAbsent'] as const) {
      const own = notes[name].bind(notes) as (...args: unknown[]) => unknown
      const counted = (...args: unknown[]): unknown => {
        calls.push(name)
        return own(...args)
      }
      Object.assign(notes, { [name]: counted })
    }
    expect(await told(app, receiver.url)).toBe('delivered')
    expect(calls).toEqual(['get'])
  })
})

describe('where nothing can be remembered', () => {
  test('each delivery is tried on its own', async () => {
    const backend = { url: 'rpc://' } as ResultBackend
    const endpoint = endpointOn(async () => backend)
    for (let n = 0; n < 2; n++) {
      await endpoint.enter()
      await endpoint.failed('HTTP 410', 'gone')
    }
    await endpoint.succeeded()
  })

  test('a store that is away is said, and stops no delivery; another error is one', async () => {
    const logger = new KeptLog()
    let error: Error = new StoreUnavailableError('away')
    const endpoint = endpointOn(() => Promise.reject(error), logger)
    await endpoint.enter()
    await endpoint.failed('HTTP 500', 'for good')
    expect(logger.lines).toEqual(Array(2).fill('warn what is known of a webhook endpoint could not be read or kept'))
    error = new TypeError('a mistake')
    await expect(endpoint.enter()).rejects.toThrow('a mistake')
  })

  test('enabling says that none is disabled', async () => {
    const logger = createLogger('silent')
    await using app = new Celeriac({ broker: 'memory:', backend: 'rpc://', logger, webhooks })
    await expect(app.enableWebhook(receiver.url)).rejects.toThrow(ConfigError)
  })
})

function endpointOn(backend: () => Promise<ResultBackend>, logger: Logger = createLogger('silent')): Endpoint {
  const config = parseWebhooks({ ...webhooks, disableAfter: 0 }, 'test')
  if (!config) throw new Error('expected webhooks')
  const notes = async (): Promise<NoteStore | undefined> => (await backend()).notes
  return new Endpoint('https://example.com/', { notes, clock: systemClock }, config, logger)
}

test.each([
  [{ disableAfter: -1 }, 'disableAfter'],
  [{ disableAfter: '2 years' }, 'disableAfter'],
  [{ disableAfter: '400d' }, 'expected 0 ms to 365 days'],
  [{ disableAfter: true }, 'disableAfter'],
  [{ probeEvery: 0 }, 'probeEvery'],
  [{ probeEvery: false }, 'probeEvery'],
])('options %j are refused', (options, reason) => {
  expect(() => parseWebhooks({ ...webhooks, ...(options as Partial<WebhookOptions>) }, 'test')).toThrow(reason)
})

test('an endpoint is a URL in its normal form, with its query', () => {
  expect(troubleKey('HTTPS://Example.com:443/a/../b?x')).toBe(troubleKey('https://example.com/b?x'))
  expect(troubleKey('https://example.com/b?x')).not.toBe(troubleKey('https://example.com/b?y'))
})
