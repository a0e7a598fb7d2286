import type { DeadLetterFilter, DeadLetterPage } from '../../backend/dead/deadLetters.ts'
import type { FollowUp } from '../../backend/followUp.ts'
import { deadLetterQueue } from '../../broker/broker.ts'
import type { ForgottenJobs, RemovedParts } from '../../protocol/forgottenJobs.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal, WAITING } from '../../protocol/states.ts'
import { pieces } from '../../std/chunks.ts'
import type { Clock } from '../../std/clock.ts'
import { isRecord } from '../../std/isRecord.ts'
import { revokeTask } from '../revoke.ts'
import type { Stores } from '../stores.ts'
import { waitIdOf, waitNoteKey } from '../wait.ts'

/** What the removal needs of the app. */
export interface ForgettingHost {
  readonly stores: Stores
  readonly followUps: readonly FollowUp[]
  /** Ids of the tasks that have a copy of what a job did. */
  readonly followersOf: (id: string) => readonly string[]
  readonly clock: Clock
  /** Of the app. */
  readonly queue: string
}

/** Jobs that are forgotten at once: a store that searches its queues finds all of them in one walk. */
const MAX_AT_ONCE = 50
/** Event logs that are read at once: each may have a MiB. */
const MAX_LOGS = 10
/** Dead letters of one page. */
const MAX_LETTERS = 200
/** Copies of a message of one job that are dropped. */
const MAX_COPIES = 20

/** A job that has ended, and the deliveries of its webhook. */
interface EndedJob {
  readonly meta: TaskMeta
  readonly deliveries: readonly TaskMeta[]
}

/** Removes what the stores have of jobs, and counts it. */
export class Forgetting {
  readonly #host: ForgettingHost
  readonly #dryRun: boolean
  readonly #revokes: boolean
  /** Whether each dead-letter queue has messages. */
  readonly #filled = new Map<string, Promise<boolean>>()
  readonly #ids: string[] = []
  readonly #active: string[] = []
  readonly #removed: Record<Exclude<keyof RemovedParts, 'deadLetters'>, number>
  #deadLetters = 0

  constructor(
    host: ForgettingHost,
    {
      dryRun = false,
      revoke = false,
    }: { readonly dryRun?: boolean | undefined; readonly revoke?: boolean | undefined },
  ) {
    this.#host = host
    this.#dryRun = dryRun
    this.#revokes = revoke && !dryRun
    this.#removed = { records: 0, events: 0, metadata: 0, inputs: 0, payloads: 0, waits: 0, deliveries: 0 }
  }

  get report(): ForgottenJobs {
    const isCounted = this.#searches || this.#host.stores.backend.deadLetters !== undefined
    const deadLetters = isCounted ? this.#deadLetters : 'not searched'
    return { ids: this.#ids, active: this.#active, removed: { ...this.#removed, deadLetters } }
  }

  /** Forget those of these jobs that have ended. */
  async forget(metas: readonly TaskMeta[]): Promise<void> {
    for (const some of pieces(metas, MAX_AT_ONCE)) await this.#forgetSome(some)
  }

  /** Drop the dead letters of jobs without a record. `queue`: the one that their messages came from. */
  async forgetDeadLetters(ids: readonly string[], queue: string = this.#host.queue): Promise<void> {
    await this.#dropLetters(ids, true)
    const dead = deadLetterQueue(queue)
    const { broker } = this.#host.stores
    if (!this.#searches || !(await this.#isFilled(dead))) return
    for (const some of pieces(ids, MAX_AT_ONCE)) {
      const dropped = some.map(async (id) => {
        // What waits elsewhere may still run.
        const found = await broker.find?.(id, dead)
        const isDead = found?.queue === dead && found.place === 'waiting'
        return isDead ? this.#drop(id, dead, true) : 0
      })
      for (const [at, count] of (await Promise.all(dropped)).entries()) {
        this.#deadLetters += count
        if (count > 0) this.#forgot(some[at] as string)
        if (count > 0) await this.#forgetPayloads([some[at] as string])
      }
    }
  }

  /** Drop the dead letters that fit, also of jobs whose records have expired. */
  async forgetLetters(filter: Pick<DeadLetterFilter, 'owner' | 'tag' | 'tasks'>): Promise<void> {
    const store = await this.#host.stores.backend.deadLetters?.()
    let cursor: string | undefined
    do {
      const page: DeadLetterPage | undefined = await store?.list({ ...filter, limit: MAX_LETTERS, cursor })
      const counted = new Set(this.#ids)
      // In a dry run those of the jobs are counted already.
      const ids = page?.letters.map(({ id }) => id).filter((id) => !this.#dryRun || !counted.has(id)) ?? []
      await this.#dropLetters(ids, true)
      cursor = page?.cursor
    } while (cursor !== undefined)
  }

  /** `tell`: those of which something is there are reported. */
  async #dropLetters(ids: readonly string[], tell: boolean): Promise<void> {
    const store = await this.#host.stores.backend.deadLetters?.()
    if (!store || ids.length === 0) return
    const known = (await store.load(ids)).flatMap((letter) => letter?.id ?? [])
    this.#deadLetters += this.#dryRun ? known.length : await store.drop(known)
    if (!tell) return
    for (const id of known) this.#forgot(id)
    const { backend, payloads } = this.#host.stores
    if (!payloads || known.length === 0) return
    // One whose job is known may be sent again by now: its payloads are those of that job.
    const records = await backend.load(known)
    await this.#forgetPayloads(known.filter((_, at) => !records[at]))
  }

  #forgot(id: string): void {
    if (!this.#ids.includes(id)) this.#ids.push(id)
  }

  async #forgetSome(metas: readonly TaskMeta[]): Promise<void> {
    const jobs = await this.#withDeliveries(await this.#ended(metas))
    const active = metas.filter(({ task_id: id }) => !jobs.some(({ meta }) => meta.task_id === id))
    this.#active.push(...active.map(({ task_id: id }) => id))
    if (jobs.length === 0) return
    const ids = jobs.map(({ meta }) => meta.task_id)
    const waits = await this.#countParts(ids)
    this.#ids.push(...ids)
    this.#removed.records += jobs.length
    const deliveries = jobs.flatMap((job) => job.deliveries)
    this.#removed.deliveries += deliveries.length
    const forgotten = [...jobs.map(({ meta }) => meta), ...deliveries]
    await this.#dropLetters(
      forgotten.map(({ task_id: id }) => id),
      false,
    )
    if (this.#dryRun) return this.#forgetPayloads(ids)
    // The records are last: by them it is found again what is left, if this process dies meanwhile.
    await this.#dropDeadLetters(forgotten)
    const { backend } = this.#host.stores
    await this.#forgetPayloads([...ids, ...deliveries.map(({ task_id: id }) => id)])
    for (const id of waits) await backend.notes?.put({ key: waitNoteKey(id), value: '', expires: 0 })
    await backend.forget([...deliveries.map(({ task_id: id }) => id), ...waits, ...ids])
  }

  /** Those that have ended, or were revoked here. A worker that has one writes its end later. */
  async #ended(metas: readonly TaskMeta[]): Promise<readonly TaskMeta[]> {
    const { stores, followUps, clock } = this.#host
    const open = metas.filter(({ status }) => !isFinal(status))
    if (!this.#revokes || open.length === 0) return metas.filter(({ status }) => isFinal(status))
    await Promise.all(open.map(({ task_id: id }) => revokeTask(stores, id, false, followUps, clock)))
    const now = await stores.backend.load(metas.map(({ task_id: id }) => id))
    return now.filter((meta) => meta !== undefined).filter(({ status }) => isFinal(status))
  }

  /** Those whose deliveries have ended, too. */
  async #withDeliveries(metas: readonly TaskMeta[]): Promise<readonly EndedJob[]> {
    const followers = metas.map(({ task_id: id }) => this.#host.followersOf(id))
    const found = (await this.#host.stores.backend.load(followers.flat())).filter((meta) => meta !== undefined)
    const ended = new Map((await this.#ended(found)).map((meta) => [meta.task_id, meta]))
    const known = new Set(found.map(({ task_id: id }) => id))
    return metas.flatMap((meta, at) => {
      const own = followers[at]?.filter((id) => known.has(id)) ?? []
      const deliveries = own.flatMap((id) => ended.get(id) ?? [])
      return deliveries.length === own.length ? [{ meta, deliveries }] : []
    })
  }

  /** Counts what is kept beside the records. Returns the ids of the waits of these jobs. */
  async #countParts(ids: readonly string[]): Promise<readonly string[]> {
    const { backend } = this.#host.stores
    for (const metadata of (await backend.jobs?.metadata(ids)) ?? []) {
      if (metadata) this.#removed.metadata += 1
      if (metadata?.input !== undefined) this.#removed.inputs += 1
    }
    const waits = new Set<string>()
    for (const some of pieces(ids, MAX_LOGS)) {
      const histories = (await backend.events?.read(some.map((id) => ({ id, after: 0 })))) ?? []
      for (const [at, history] of histories.entries()) {
        this.#removed.events += history?.logged.length ?? 0
        for (const { meta } of history?.logged ?? [])
          if (meta.status === WAITING && isRecord(meta.result) && typeof meta.result.wait === 'string')
            waits.add(waitIdOf(some[at] as string, meta.result.wait))
      }
    }
    this.#removed.waits += (await backend.load([...waits])).filter((meta) => meta !== undefined).length
    return [...waits]
  }

  async #forgetPayloads(ids: readonly string[]): Promise<void> {
    const { payloads } = this.#host.stores
    const count = this.#dryRun ? (await payloads?.keysOf(ids))?.length : await payloads?.forget(ids)
    this.#removed.payloads += count ?? 0
  }

  get #searches(): boolean {
    return !this.#dryRun && this.#host.stores.broker.take !== undefined
  }

  async #dropDeadLetters(metas: readonly TaskMeta[]): Promise<void> {
    if (!this.#searches) return
    const counts = metas.map(async ({ task_id: id, queue = this.#host.queue }) => {
      const dead = deadLetterQueue(queue)
      return (await this.#isFilled(dead)) ? this.#drop(id, dead, false) : 0
    })
    for (const count of await Promise.all(counts)) this.#deadLetters += count
  }

  /** `only`: no message of another queue. Else one that waits elsewhere would run a job that has ended once more. */
  async #drop(id: string, dead: string, only: boolean): Promise<number> {
    const { broker } = this.#host.stores
    for (let count = 0; ; count++) {
      const delivery = count < MAX_COPIES ? await broker.take?.(id, dead) : undefined
      if (!delivery) return count
      if (only && delivery.queue !== dead) {
        await delivery.reject({ requeue: true })
        return count
      }
      await delivery.ack()
    }
  }

  /** Asked once for each queue: most have none, and a search costs. */
  #isFilled(dead: string): Promise<boolean> {
    const known = this.#filled.get(dead) ?? this.#host.stores.broker.size(dead).then((size) => size > 0)
    this.#filled.set(dead, known)
    return known
  }
}
