import type { Event } from '../../src/protocol/event.ts'

const WORDS = ['mail', 'invoice', 'customer', 'report', 'resize', 'image', 'charge', 'refund', 'warehouse', 'sync']
const WORKERS = 4
/** One job of so many fails. */
const FAILING = 50

/** Events of as many jobs as are asked for, three of each: 40 tasks, 5 queues, arguments of about 80 characters. */
export class JobEvents {
  #clock = 0
  #jobs = 0

  /** `now`: when they end, ms. */
  next(jobs: number, now: number, id: () => string): Event[] {
    return Array.from({ length: jobs }, () => this.#job(id(), now)).flat()
  }

  #job(uuid: string, now: number): Event[] {
    const at = this.#jobs++
    const word = (step: number): string => WORDS[(at * step) % WORDS.length] as string
    const event = (type: string, ms: number, fields: object): Event => ({
      ...{ ...fields, type, uuid, hostname: `celery@host${at % WORKERS}`, pid: 12, clock: ++this.#clock },
      timestamp: (now + ms) / 1000,
    })
    const end =
      at % FAILING === 0
        ? event('task-failed', 0, { exception: `ValueError('no row ${at} in table')`, traceback: 'line\n'.repeat(20) })
        : event('task-succeeded', 0, { result: `{'ok': True, 'n': ${at}}`, runtime: 0.017 })
    const args = `(${at}, 'user${at % 5000}@example.com', {'order': ${(at * 31) % 100_000}, 'kind': '${word(3)}'})`
    const facts = { kwargs: '{}', root_id: uuid, parent_id: null, retries: 0, eta: null, expires: null }
    return [
      event('task-received', -20, { name: `shop.${word(1)}.${word(7)}`, args, ...facts, queue: `q${at % 5}` }),
      event('task-started', -17, {}),
      end,
    ]
  }
}
