import { expect } from 'vitest'
import { LOST_HEADER } from '../../src/stores/redis/broker/envelope.ts'
import { Keys } from '../../src/stores/redis/broker/keys.ts'
import { RedisServer, type RedisServerOptions } from '../redis/server.ts'
import { Scene } from './scene.ts'

const KEYS = new Keys('', 0)
const QUEUE = 'celery'
const RECORD = 'celery-task-meta-'

/** What is in the store besides records. */
export interface Left {
  /** Messages in the lists of the queue. */
  readonly waiting: number
  /** Held or delayed. */
  readonly unacked: number
  readonly index: number
  /** Delayed, of those. */
  readonly parked: number
}

export const NOTHING_LEFT: Left = { waiting: 0, unacked: 0, index: 0, parked: 0 }

/** A scene around a redis-server of its own. */
export class RedisScene extends Scene {
  readonly server: RedisServer

  static async open(lease: number, options: RedisServerOptions = {}): Promise<RedisScene> {
    return new RedisScene(await RedisServer.start(options), lease)
  }

  private constructor(server: RedisServer, lease: number) {
    super(server.url(), lease)
    this.server = server
  }

  async finished(): Promise<boolean> {
    const { waiting, unacked } = await this.left()
    return waiting + unacked === 0
  }

  async checkEmpty(): Promise<void> {
    expect(await this.left(), 'messages left').toEqual(NOTHING_LEFT)
  }

  /** Ask the server itself: all in one step. */
  async left(): Promise<Left> {
    const script = `
      local waiting = 0
      for at = 4, #KEYS do waiting = waiting + redis.call('LLEN', KEYS[at]) end
      return {waiting, redis.call('HLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('SCARD', KEYS[3])}`
    const keys = [KEYS.unacked, KEYS.index, KEYS.parked, ...KEYS.lists(QUEUE)]
    const answer = await this.server.cli('EVAL', script, String(keys.length), ...keys)
    const [waiting = -1, unacked = -1, index = -1, parked = -1] = answer.split('\n').map(Number)
    return { waiting, unacked, index, parked }
  }

  async waiting(): Promise<number> {
    return (await this.left()).waiting
  }

  async quiet(): Promise<boolean> {
    return true
  }

  /** Of those that wait or are held. */
  async markedLost(): Promise<number> {
    const waiting = await this.server.cli('LRANGE', KEYS.list(QUEUE), '0', '-1')
    const held = await this.server.cli('HVALS', KEYS.unacked)
    return `${waiting}\n${held}`.split(`"${LOST_HEADER}"`).length - 1
  }

  /** Ids of the tasks in the queue, sorted. */
  async messageIds(): Promise<string[]> {
    const messages = await this.server.cli('LRANGE', KEYS.list(QUEUE), '0', '-1')
    const lines = messages.split('\n').filter((line) => line !== '')
    return lines.map((line) => (JSON.parse(line) as { headers: { id: string } }).headers.id).sort()
  }

  /** Ids of the tasks that have a record, sorted. */
  async recordIds(): Promise<string[]> {
    const keys = await this.server.cli('KEYS', `${RECORD}*`)
    const lines = keys.split('\n').filter((line) => line !== '')
    return lines.map((key) => key.slice(RECORD.length)).sort()
  }

  override async close(): Promise<void> {
    // Frozen or away, it would be waited for.
    this.server.resume()
    await super.close()
    await this.server.stop()
  }
}
