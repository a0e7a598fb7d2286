import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, vi } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { Signals } from '../../src/app/signals.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker, type WorkerOptions } from '../../src/worker/worker.ts'
import { emptySchema } from '../postgres/shared.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { isFull } from '../tier.ts'
import { within } from '../wait.ts'

/** `rabbitmq` cannot find a message in a queue: what is revoked there ends when a worker comes upon it. */
export type StoreKind = 'memory' | 'sqlite' | 'redis' | 'rabbitmq' | 'postgres'

/** A store of its own for one test, the apps and workers on it, and their end. */
export class Lab {
  readonly kind: StoreKind
  readonly url: string
  readonly path: string
  readonly #folder: string | undefined
  /** Undefined: the broker's own. */
  readonly backend: string | undefined
  readonly #ends: (() => unknown)[] = []

  /** `server` is the URL of one that is empty, or of a schema. Beside rabbitmq results are in a file. */
  constructor(kind: StoreKind, server = '') {
    this.kind = kind
    this.#folder = kind === 'sqlite' || kind === 'rabbitmq' ? mkdtempSync(join(tmpdir(), 'celeriac-')) : undefined
    this.path = join(this.#folder ?? '', 'store.db')
    const local: Partial<Record<StoreKind, string>> = { memory: 'memory:', sqlite: `sqlite:${this.path}` }
    this.url = local[kind] ?? server
    this.backend = kind === 'rabbitmq' ? `sqlite:${this.path}` : undefined
  }

  /** An app on the store; in memory each has its own. What its workers do not know fails at once. */
  app(options: CeleriacOptions = {}): App {
    const own = { broker: this.url, backend: this.backend, logger: createLogger('silent'), unknownTaskTimeout: 0 }
    const app = new App({ ...own, ...options })
    this.#ends.push(() => app.close())
    return app
  }

  /** A worker that runs. */
  async work(app: App, options: WorkerOptions = {}): Promise<Worker> {
    const worker = new Worker(app, { logger: false, ...options })
    this.#ends.push(() => worker.stop({ grace: 0 }))
    await worker.start()
    return worker
  }

  /** The file itself, beside the program. */
  database(): DatabaseSync {
    const db = new DatabaseSync(this.path, { timeout: 5000 })
    this.#ends.push(() => db.isOpen && db.close())
    return db
  }

  /** Do this at the end of the test. */
  after(end: () => unknown): void {
    this.#ends.push(end)
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A new lab for each test of the suite around. */
export function useLab(kind: StoreKind, server: () => string | Promise<string> = () => ''): () => Lab {
  let lab: Lab
  beforeEach(async () => {
    lab = new Lab(kind, await server())
  })
  afterEach(() => lab.end())
  return () => lab
}

/** Run a suite on a redis-server of its own, emptied for each test. */
function onRedis(suite: Suite): void {
  describe('on redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      // With persistence, so that nobody is warned.
      server = await RedisServer.start({ flags: ['--save', '900 1'] })
    })
    afterAll(() => server.stop())
    beforeEach(() => server.cli('FLUSHALL'))
    suite(
      useLab('redis', () => server.url()),
      'redis',
    )
  })
}

/** Run a suite on the rabbitmq-server of the test run, in a new virtual host for each test. */
function onRabbit(suite: Suite): void {
  describe('on rabbitmq', () => suite(useLab('rabbitmq', emptyRabbit), 'rabbitmq'))
}

/** Run a suite on the PostgreSQL server of the test run, in a new schema for each test. */
function onPostgres(suite: Suite): void {
  describe('on postgres', () => suite(useLab('postgres', emptySchema), 'postgres'))
}

type Suite = (lab: () => Lab, kind: StoreKind) => void

interface SuiteOptions {
  /** Default true. */
  readonly memory?: boolean
}

const ALL: readonly string[] = ['memory', 'sqlite', 'redis', 'rabbitmq', 'postgres']
/** TEST_STORES names the stores of a run, as `npm run test:quick` does. */
const NAMED = process.env.TEST_STORES?.split(',')

/** Run a suite on each store, or on each but memory. */
export function onAllStores(suite: Suite, options: SuiteOptions = {}): void {
  onStores(NAMED ?? ALL, suite, options)
}

/**
 * The same, but in `npm test` without PostgreSQL: for a suite that would find there what the suites of `onAllStores`
 * find. It costs about as much as Redis, and `npm test` has ten minutes.
 */
export function onEachStore(suite: Suite, options: SuiteOptions = {}): void {
  onStores(NAMED ?? (isFull ? ALL : ALL.filter((store) => store !== 'postgres')), suite, options)
}

/**
 * The same, but in `npm test` without RabbitMQ, too: for what is above the stores, and whose messages other suites send
 * over it.
 */
export function onFewStores(suite: Suite, options: SuiteOptions = {}): void {
  onStores(NAMED ?? (isFull ? ALL : ['memory', 'sqlite', 'redis']), suite, options)
}

/** Run a suite on these stores. */
export function onStores(stores: readonly string[], suite: Suite, { memory = true }: SuiteOptions = {}): void {
  const local = memory ? (['memory', 'sqlite'] as const) : (['sqlite'] as const)
  describe.each(local.filter((kind) => stores.includes(kind)))('on %s', (kind) => suite(useLab(kind), kind))
  if (stores.includes('redis')) onRedis(suite)
  if (stores.includes('rabbitmq')) onRabbit(suite)
  if (stores.includes('postgres')) onPostgres(suite)
}

/** For what does not depend on the store: on each store in `npm run test:full`, else in one file alone. */
export const onSqliteOrEachStore: typeof onEachStore = isFull
  ? onEachStore
  : (suite) => describe('on sqlite', () => suite(useLab('sqlite'), 'sqlite'))

export interface Told<Name extends keyof Signals = keyof Signals> {
  readonly name: Name
  readonly event: Signals[Name]
}

const SIGNALS: readonly (keyof Signals)[] = [
  'task:before-publish',
  'task:after-publish',
  'task:received',
  'task:prerun',
  'task:postrun',
  'task:success',
  'task:failure',
  'task:retry',
  'task:revoked',
  'task:rejected',
  'task:unknown',
  'task:postponed',
  'task:snoozed',
  'task:undecodable',
  'task:lost',
  'task:returned',
  'worker:ready',
  'worker:shutdown',
  'worker:error',
]

/** Everything that an app tells from now on, in order. */
export function record(app: App): Told[] {
  const told: Told[] = []
  for (const name of SIGNALS) app.on(name, (event) => told.push({ name, event }))
  return told
}

/** The next time that a signal is told. */
export function next<Name extends keyof Signals>(app: App, name: Name): Promise<Signals[Name]> {
  const told = new Promise<Signals[Name]>((resolve) => {
    const stop = app.on(name, (event) => {
      stop()
      resolve(event)
    })
  })
  return within(() => `signal ${name}`, told)
}

/** Wait until this holds: what it returns, once it does not throw and is not false. */
export function until<Value>(what: () => Value | Promise<Value>): Promise<Value> {
  return vi.waitFor(
    async () => {
      const value = await what()
      if (value === false) throw new Error(`does not hold: ${what}`)
      return value
    },
    { timeout: 20_000, interval: 5 },
  )
}
