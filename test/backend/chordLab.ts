import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest'
import type { ChordPart, ChordStore, CompleteChord } from '../../src/backend/chords.ts'
import type { Message, Submission } from '../../src/backend/unitOfWork.ts'
import { PENDING } from '../../src/protocol/states.ts'
import { systemClock } from '../../src/std/clock.ts'
import { type OpenStores, openStores } from '../../src/stores/open.ts'
import { envelopeOf, metaOf, toQueue } from '../../src/testing/factories.ts'
import { Reader } from '../../src/testing/reader.ts'
import { RedisServer } from '../redis/server.ts'

/** One Redis server for the chords of a test file, empty before each test. */
export class ChordLab {
  #server: RedisServer | undefined
  #redis: Redis | undefined

  constructor() {
    beforeAll(async () => {
      this.#server = await RedisServer.start()
      this.#redis = new Redis(this.#server.url())
    })
    afterAll(async () => {
      this.#redis?.disconnect()
      await this.#server?.stop()
    })
    beforeEach(() => this.redis.flushall())
  }

  get redis(): Redis {
    if (!this.#redis) throw new Error('the server has not started')
    return this.#redis
  }

  /** `now` is the clock of the stores. */
  async open(now: () => number = Date.now, serializer: 'json' | 'msgpack' = 'json'): Promise<ChordStores> {
    const url = this.#server?.url() ?? ''
    const stores = await openStores(
      { broker: url, backend: url },
      {
        lease: 30_000,
        visibilityTimeout: 3_600_000,
        expires: 60_000,
        serializer,
        accept: ['json', 'msgpack'],
        clock: { ...systemClock, now },
      },
    )
    onTestFinished(() => stores.close())
    const { chords } = stores.backend
    if (!chords) throw new Error('expected a backend with chords')
    const queues = [{ name: 'q' }]
    return {
      ...stores,
      chords,
      read: async () => new Reader(await stores.broker.consume(queues, { prefetch: 100, name: 'celery@suite' })),
    }
  }

  /** As Celery 5.2 adds the end of a member of group `g`; true where it would run the body. */
  async celeryPart(index: number, result: unknown, id = `task-${index}`, state = 'SUCCESS'): Promise<boolean> {
    const { redis } = this
    await redis.zadd(`${GROUP}.j`, index, `[1, "${id}", "${state}", ${JSON.stringify(result)}]`)
    const [count, size, more] = await Promise.all([
      redis.zcard(`${GROUP}.j`),
      redis.get(`${GROUP}.s`),
      redis.get(`${GROUP}.t`),
    ])
    return size !== null && count === Number(size) + Number(more ?? 0)
  }

  /** Keys without those of the queue and the records. */
  async keysLeft(): Promise<string[]> {
    const keys = await this.redis.keys('*')
    return keys.filter((key) => !key.startsWith(RECORD) && key !== 'q' && !/^(_kombu|unacked)/.test(key)).sort()
  }
}

export interface ChordStores extends OpenStores {
  readonly chords: ChordStore
  read(): Promise<Reader>
}

/** Beginning of the keys of records, and of Celery's keys of group `g`. */
export const RECORD = 'celery-task-meta-'
export const GROUP = 'celery-taskset-meta-g'

export function partOf(index: number | undefined, result: unknown, more: Partial<ChordPart> = {}): ChordPart {
  return { group: 'g', index, taskId: `task-${index}`, state: 'SUCCESS', result, callback: `{"of":${index}}`, ...more }
}

export function member(number: number): Submission & { readonly message: Message } {
  const id = `task-${number}`
  return { message: { envelope: envelopeOf(id), route: toQueue('q') }, meta: metaOf(id, PENDING, { name: 'task' }) }
}

/** All chords of which a listener is notified. */
export function completed({ chords }: ChordStores): CompleteChord[] {
  const all: CompleteChord[] = []
  chords.onComplete((chord) => all.push(chord))
  return all
}
