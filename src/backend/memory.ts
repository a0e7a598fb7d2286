import { readMeta, type TaskMeta } from '../protocol/result.ts'
import { CONTENT_TYPES, deserialize, type Serialized, serialize } from '../protocol/serializer.ts'
import { isFinal, PENDING } from '../protocol/states.ts'
import type { BackendOptions, ListFilter, MetaPage, ResultBackend } from './backend.ts'
import { Hub, type Versioned, watchRecords } from './hub.ts'
import { positionOf } from './page.ts'

interface Stored {
  readonly seq: number
  readonly version: number
  readonly state: string
  readonly task: string | undefined
  readonly submitted: string | undefined
  readonly serialized: Serialized
}

/** Records in this process's memory, gone with it: for tests and the eager mode. Serialized all the same, so that nothing passes here that would not elsewhere. */
export class MemoryBackend implements ResultBackend {
  readonly knowsAll = true
  readonly url = 'memory:'
  readonly #options: BackendOptions
  readonly #records = new Map<string, Stored>()
  readonly #revoked = new Set<string>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #hub = new Hub()
  #count = 0

  constructor(options: BackendOptions) {
    this.#options = options
  }

  async store(meta: TaskMeta): Promise<boolean> {
    const known = this.#records.get(meta.task_id)
    if (known && (meta.status === PENDING || isFinal(known.state))) return false
    const version = ++this.#count
    this.#records.set(meta.task_id, {
      seq: known?.seq ?? version,
      version,
      state: meta.status,
      task: meta.name ?? known?.task,
      submitted: known?.submitted ?? meta.date_submitted ?? new Date().toISOString(),
      serialized: serialize(meta, this.#options.serializer, 'meta'),
    })
    if (isFinal(meta.status)) this.#expire(meta.task_id)
    const [record] = this.#load([meta.task_id])
    if (record) this.#hub.tell(record)
    return true
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return this.#load(ids).map((record) => record?.meta)
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return watchRecords(this.#hub, async (wanted) => this.#load(wanted), ids, signal)
  }

  async list({ state, task, limit, cursor }: ListFilter): Promise<MetaPage> {
    const before = positionOf(limit, cursor)
    const found = [...this.#records]
      .filter(([, one]) => one.seq < before && (!state || one.state === state) && (!task || one.task === task))
      .sort(([, a], [, b]) => b.seq - a.seq)
    const page = found.slice(0, limit)
    const metas = this.#load(page.map(([id]) => id)).flatMap((record) => (record ? [record.meta] : []))
    return found.length > limit ? { metas, cursor: String(page.at(-1)?.[1].seq) } : { metas }
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#drop(id)
    this.#hub.forgotten(ids)
  }

  async revoke(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#revoked.add(id)
  }

  async revoked(): Promise<readonly string[]> {
    return [...this.#revoked]
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #load(ids: readonly string[]): (Versioned | undefined)[] {
    return ids.map((id) => {
      const stored = this.#records.get(id)
      if (!stored) return undefined
      const { body, contentType, contentEncoding } = stored.serialized
      const meta = readMeta(deserialize(body, contentType, contentEncoding, new Set(Object.values(CONTENT_TYPES))))
      return { meta: { ...meta, name: stored.task, date_submitted: stored.submitted }, version: stored.version }
    })
  }

  #expire(id: string): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.set(id, setTimeout(() => this.#drop(id), Math.min(this.#options.expires, 2 ** 31 - 1)).unref())
  }

  #drop(id: string): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#records.delete(id)
  }
}
