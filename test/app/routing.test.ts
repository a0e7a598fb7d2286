import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import { workerDirect } from '../../src/broker/broker.ts'
import type { CallOptions } from '../../src/config/callOptions.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import type { Routes } from '../../src/config/routeOptions.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from './lab.ts'

const QUEUES: CeleriacOptions['queues'] = {
  images: { exchange: { name: 'media' }, routingKey: 'image' },
  feeds: { exchange: { name: 'feeds', type: 'topic' }, routingKey: 'feed.#' },
  news: { broadcast: true },
}

const apps: App[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

function appOf(options: CeleriacOptions = {}): App {
  const app = new App({ broker: 'memory:', logger: createLogger('silent'), queues: QUEUES, ...options })
  apps.push(app)
  return app
}

/** How many messages wait in each of these queues. */
async function sizes(app: App, ...queues: string[]): Promise<number[]> {
  const { broker } = await internalsOf(app).stores()
  return Promise.all(queues.map((queue) => broker.size(queue)))
}

test.each<[string, Routes, [queue: string, priority?: number]]>([
  ['an object of globs', { 'mail.*': 'mail' }, ['mail']],
  [
    'pairs, the first that matches',
    [
      ['m*', 'first'],
      ['mail.*', 'second'],
    ],
    ['first'],
  ],
  ['a regular expression, as it stands', [[/ail\.s/, 'mail']], ['mail']],
  ['a function', (task, call) => `${task}.${call?.args.length}`, ['mail.send.1']],
  ['a function that does not know, and what follows it', [() => undefined, ['mail.*', 'mail']], ['mail']],
  ['a queue with a priority', { 'mail.*': { queue: 'mail', priority: 7 } }, ['mail', 7]],
  ['a priority alone', { 'mail.*': { priority: 3 } }, ['celery', 3]],
  ['an exchange', { 'mail.*': { exchange: 'media', routingKey: 'image', priority: 2 } }, ['images', 2]],
  ['a topic queue with a key', { 'mail.*': { queue: 'feeds', routingKey: 'feed.x' } }, ['feeds']],
  ['none that matches', { 'other.*': 'other' }, ['celery']],
])('routes: %s', async (_, routes, [queue, priority]) => {
  const app = appOf({ routes })
  await app.send('mail.send', ['x'])
  const { broker } = await internalsOf(app).stores()
  const consumer = await broker.consume([{ name: queue }], { prefetch: 1, name: 'test' })
  onTestFinished(() => consumer.release())
  for await (const { envelope } of consumer) {
    expect(envelope.properties.priority).toBe(priority)
    break
  }
})

test('a call comes before its task, and this before the route; the priority of the route is for all that have none', async () => {
  const app = appOf({ routes: { '*': { queue: 'routed', priority: 5 } } })
  const own = app.task('own', () => undefined, { queue: 'task' })
  await own.delay()
  await own.applyAsync([], { queue: 'call', priority: 1 })
  await own.applyAsync([], { exchange: 'media', routingKey: 'image' })
  await app.send('other')
  expect(await sizes(app, 'task', 'call', 'images', 'routed')).toEqual([1, 1, 1, 1])
})

test.each<[string, Routes, RegExp]>([
  ['no route', { a: {} }, /routes: a: expected a queue, an exchange, a routingKey or a priority, got none/],
  ['an unknown name', { a: { rank: 1 } as object }, /routes: a: .*rank/],
  ['a wrong priority', { a: { priority: 256 } }, /routes: a: priority: expected a whole number from 0 to 255, got 256/],
  [
    'a stateful expression',
    [[/a/g, 'q']],
    /routes: 0: expected a regular expression without the flags g and y, got \/a\/g/,
  ],
  ['no pair', [['a'] as never], /routes: 0: expected \[pattern, route\] or a function/],
  ['a name that is too long', { a: 'ä'.repeat(200) }, /routes: a: expected at most 255 bytes, got 400/],
  [
    'another exchange than its queue',
    { a: { queue: 'feeds', exchange: 'media', routingKey: 'x' } },
    /routes: a: exchange: expected feeds, to which the queue feeds is bound, got media/,
  ],
  [
    'an exchange without a key',
    { a: { exchange: 'media' } },
    /routes: a: routingKey: expected one beside exchange media, got none/,
  ],
  [
    'a key without an exchange',
    { a: { queue: 'q', routingKey: 'x' } },
    /routes: a: routingKey: expected exchange beside it/,
  ],
])('routes: refuses %s when the app is made', (_, routes, expected) => {
  expect(() => appOf({ routes })).toThrow(expected)
})

test.each<[string, CeleriacOptions['queues'], RegExp]>([
  [
    'an unknown type',
    { q: { exchange: { name: 'x', type: 'headers' as 'topic' } } },
    /queues: q: exchange: type: expected 'direct', 'topic' or 'fanout', got "headers"/,
  ],
  ['no name', { q: { exchange: {} as { name: string } } }, /queues: q: exchange: name: expected text, got undefined/],
  [
    'two types of one exchange',
    { a: { exchange: { name: 'x' } }, b: { exchange: { name: 'x', type: 'topic' } } },
    /queues: b: exchange x: expected type direct, as for queue a, got topic/,
  ],
  [
    'a pattern for a direct exchange',
    { q: { exchange: { name: 'x' }, routingKey: 'a.*' } },
    /queues: q: routingKey: expected one without the words \* and #/,
  ],
  [
    'a key for a fanout exchange',
    { q: { exchange: { name: 'x', type: 'fanout' }, routingKey: 'a' } },
    /queues: q: expected no routingKey/,
  ],
  ['a key alone', { q: { routingKey: 'a' } }, /queues: q: routingKey: expected exchange beside it, got none/],
  [
    'an exchange of a broadcast',
    { q: { broadcast: true, exchange: { name: 'x' } } },
    /queues: q: expected no exchange beside broadcast/,
  ],
  [
    'a long key',
    { q: { exchange: { name: 'x' }, routingKey: 'k'.repeat(256) } },
    /queues: q: routingKey: expected at most 255 bytes, got 256/,
  ],
])('queues: refuses %s', (_, queues, expected) => {
  expect(() => appOf({ queues })).toThrow(expected)
})

test.each<[string, CallOptions, RegExp]>([
  [
    'an exchange without a key',
    { exchange: 'unknown' },
    /task a: routingKey: expected one beside exchange unknown, got none/,
  ],
  ['a key without an exchange', { routingKey: 'x' }, /task a: routingKey: expected exchange beside it/],
  ['another exchange', { queue: 'images', exchange: 'feeds' }, /task a: exchange: expected media/],
  [
    'a long name',
    { exchange: 'x'.repeat(256), routingKey: '' },
    /task a: exchange: expected at most 255 bytes, got 256/,
  ],
])('a call: refuses %s', (_, options, expected) => {
  expect(() => appOf().send('a', [], options)).toThrow(expected)
})

test.each(['memory:', 'sqlite:'])('broadcast on %s: every worker runs it once; none later', async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'routing-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const broker = kind === 'memory:' ? kind : `sqlite:${join(folder, 'file.db')}`
  const app = appOf({ broker })
  const seen: string[] = []
  app.task('tell', (text: string) => {
    seen.push(text)
    return text
  })
  const missed = await app.send('tell', ['too early'], { queue: 'news' })
  const workers = ['one@test', 'two@test'].map((hostname) => {
    return new Worker(app, { hostname, queues: ['celery', 'news'], workerDirect: true })
  })
  for (const worker of workers) await worker.start()
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.stop({ grace: 0 })))
  })
  expect(workers[0]?.queues).toEqual(['celery', 'news', 'one@test.dq2'])
  const sent = await app.send('tell', ['all'], { queue: 'news' })
  expect(await sent.get({ timeout: '10s' })).toBe('all')
  await until(() => seen.length === 2)
  await app.send('tell', ['later'], { queue: 'news', countdown: 50 })
  await until(() => seen.length === 4)
  for (const worker of ['one', 'two'])
    expect(
      await (await app.send('tell', [worker], { queue: workerDirect(`${worker}@test`) })).get({ timeout: '10s' }),
    ).toBe(worker)
  expect(seen).toEqual(['all', 'all', 'later', 'later', 'one', 'two'])
  expect(await missed.state()).toBe('PENDING')
})
