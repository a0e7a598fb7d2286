import type { ResultBackend } from '../backend/backend.ts'
import { type Broker, deadLetterQueue } from '../broker/broker.ts'
import { isReference, PAYLOAD_MEMBER, type TaskMeta } from '../protocol/result.ts'
import type { Clock } from '../std/clock.ts'
import { isRecord } from '../std/isRecord.ts'
import { type PayloadFacts, readKey } from './payloadKey.ts'
import type { PayloadConfig } from './payloadOptions.ts'

/** Keys that one step looks at. */
export const SWEEP_SIZE = 500
/** Messages of a queue in which a store that Celery shares still finds one. */
const MAX_FOUND = 10_000

/** What a sweep asks. */
export interface SweepParts {
  readonly config: PayloadConfig
  readonly broker: Pick<Broker, 'find' | 'size' | 'sharedWithCelery' | 'finds'>
  readonly backend: Pick<ResultBackend, 'load' | 'callerOnly' | 'deadLetters'>
  readonly clock: Clock
}

interface Candidate extends PayloadFacts {
  readonly key: string
}

/**
 * Removes payloads that nothing needs: those of jobs whose records are gone, and those whose message or record was
 * never written. Any number of processes may sweep: what is needed is decided by the records and the messages.
 */
export class PayloadSweep {
  readonly #parts: SweepParts
  #after: string | undefined

  constructor(parts: SweepParts) {
    this.#parts = parts
  }

  /**
   * Look at the next keys. Resolves with how many payloads were removed, and whether this was the end of the list: then
   * the next step begins at its start. Rejects with StoreUnavailableError.
   */
  async step(): Promise<{ readonly removed: number; readonly end: boolean }> {
    const { store, orphanAge } = this.#parts.config
    const keys = await store.list({ after: this.#after, limit: SWEEP_SIZE })
    const old = this.#parts.clock.now() - orphanAge
    const candidates = keys
      .map((key) => ({ key, ...readKey(key) }))
      .filter((one): one is Candidate => one.made !== undefined && one.made <= old)
    const records = await this.#recordsOf(candidates)
    const dead = await this.#deadOf(candidates.filter(({ id, kind }) => kind === 'input' && !records.has(id)))
    const dropped: string[] = []
    for (const candidate of candidates)
      if (!dead.has(candidate.id) && !(await this.#isNeeded(candidate, records.get(candidate.id))))
        dropped.push(candidate.key)
    if (dropped.length > 0) await store.delete(dropped)
    const end = keys.length < SWEEP_SIZE
    this.#after = end ? undefined : keys.at(-1)
    return { removed: dropped.length, end }
  }

  async #recordsOf(candidates: readonly Candidate[]): Promise<ReadonlyMap<string | undefined, TaskMeta>> {
    const { backend } = this.#parts
    const ids = [...new Set(candidates.flatMap(({ id }) => id ?? []))]
    if (ids.length === 0 || backend.callerOnly) return new Map()
    const metas = await backend.load(ids)
    return new Map(metas.flatMap((meta) => (meta ? [[meta.task_id, meta]] : [])))
  }

  /** Ids of those whose messages are dead letters. */
  async #deadOf(candidates: readonly PayloadFacts[]): Promise<ReadonlySet<string | undefined>> {
    const ids = [...new Set(candidates.flatMap(({ id }) => id ?? []))]
    const store = ids.length === 0 ? undefined : await this.#parts.backend.deadLetters?.()
    return new Set((await store?.load(ids))?.flatMap((letter) => letter?.id ?? []))
  }

  async #isNeeded(facts: Candidate, meta: TaskMeta | undefined): Promise<boolean> {
    const { key, id, kind, until, queue } = facts
    const isYoung = this.#parts.clock.now() < until
    if (id === undefined || kind === 'upload') return isYoung
    // A record that cannot be read may name it.
    if (meta?.problem) return true
    if (kind === 'input') {
      if (meta !== undefined || (await this.#isMessage(id, queue, isYoung))) return true
      // Its message may have died since the dead letters were read.
      return (await this.#deadOf([facts])).size > 0
    }
    if (meta && keyOf(meta) === key) return true
    // No record says how long a caller, or a chord, needs it.
    return (kind === 'part' || this.#parts.backend.callerOnly === true) && isYoung
  }

  /** Whether the message of a job without a record waits, or lies among the dead letters of its queue. */
  async #isMessage(id: string, queue: string | undefined, isYoung: boolean): Promise<boolean> {
    const { broker } = this.#parts
    if (!broker.find || broker.finds !== undefined || queue === undefined) return isYoung
    for (const name of [queue, deadLetterQueue(queue)]) if (await broker.find(id, name)) return true
    // What lies deeper is not found.
    return broker.sharedWithCelery === true && isYoung && (await broker.size(queue)) > MAX_FOUND
  }
}

/** The payload of its result; undefined where it has none. */
function keyOf({ result }: TaskMeta): unknown {
  const reference = isReference(result) ? (result as Readonly<Record<string, unknown>>)[PAYLOAD_MEMBER] : undefined
  return isRecord(reference) ? reference.key : undefined
}
