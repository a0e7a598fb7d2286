import type { TaskMeta } from '../protocol/result.ts'
import { FAILURE, PENDING, REVOKED, SUCCESS } from '../protocol/states.ts'
import { pieces } from '../std/chunks.ts'
import { ArgumentError, NotSupportedError } from '../std/errors.ts'
import {
  AsyncResult,
  bounded,
  knownEnds,
  type ResultHandle,
  type RevokeOptions,
  settled,
  type WaitOptions,
  waitingFor,
} from './asyncResult.ts'
import { infoOf, type JobError } from './jobInfo.ts'
import { leavesOf, type Outline, readSaved, tupleOf } from './outline.ts'
import type { AppStores } from './stores.ts'

/** Ids that are read, or revoked, in one step. */
const MAX_IDS_PER_STEP = 1000

/** How a member of a group has ended. */
export interface MemberResult {
  /** Its place in the group, from 0; the members of groups in the group are counted one by one. */
  readonly index: number
  readonly id: string
  readonly state: 'SUCCESS' | 'FAILURE' | 'REVOKED'
  /** Only after SUCCESS. */
  readonly result: unknown
  /** Only after FAILURE and REVOKED. */
  readonly error: JobError | undefined
}

/** A group that was sent: its members by their handles. Not thenable. */
export class GroupResult<Results = unknown> implements ResultHandle {
  static {
    const value = function (this: GroupResult): string {
      return `GroupResult ${this.id} (${this.size === 1 ? '1 task' : `${this.size} tasks`})`
    }
    // What `console.log` shows. Computed names of members cannot be in a declaration.
    Object.defineProperty(GroupResult.prototype, Symbol.for('nodejs.util.inspect.custom'), { value })
  }

  readonly id: string
  readonly parent: ResultHandle | undefined
  /** Of its members: tasks, or the groups at the ends of its members. */
  readonly members: readonly ResultHandle[]
  readonly #stores: AppStores | undefined
  readonly #outline: Outline
  readonly #names: readonly string[] | undefined
  readonly #leaves: readonly Outline[]

  /** Made by `delay` of a group, and by `app.groupResult(id)`. */
  constructor(outline: Outline, stores: AppStores, names?: readonly string[]) {
    this.id = outline.id
    this.parent = outline.parent && handleOf(outline.parent, stores)
    this.members = (outline.members ?? []).map((member) => handleOf(member, stores))
    this.#outline = outline
    this.#stores = stores
    this.#names = names
    this.#leaves = leavesOf(outline)
  }

  /** How many tasks it waits for. */
  get size(): number {
    return this.#leaves.length
  }

  /**
   * Wait for all members: their results, in the form of the group. Throws as `AsyncResult.get` for the first member
   * that has failed, without a wait for the others.
   */
  async join(options: WaitOptions = {}): Promise<Results> {
    const found = new Map<string, unknown>()
    for await (const metas of this.#ends(options))
      for (const meta of metas) found.set(meta.task_id, settled(await this.#open().whole(meta)))
    const valueFor = ({ id, members }: Outline): unknown => (members ? members.map(valueFor) : found.get(id))
    const list = valueFor(this.#outline) as unknown[]
    const names = this.#names
    return (names ? Object.fromEntries(names.map((name, at) => [name, list[at]])) : list) as Results
  }

  /** The same. */
  get(options: WaitOptions = {}): Promise<Results> {
    return this.join(options)
  }

  /** The end of each member, as they come; a failure is one of them. Throws as `join` for what cannot be waited for. */
  async *results(options: WaitOptions = {}): AsyncGenerator<MemberResult, void, void> {
    const places = new Map(this.#leaves.map(({ id }, index) => [id, index]))
    for await (const metas of this.#ends(options)) {
      for (const meta of metas) {
        const { result, error } = infoOf(await this.#open().whole(meta))
        const state = meta.status as MemberResult['state']
        yield { index: places.get(meta.task_id) as number, id: meta.task_id, state, result, error }
      }
    }
  }

  /** How many members have succeeded. */
  async completed(): Promise<number> {
    return (await this.#states()).filter((state) => state === SUCCESS).length
  }

  /** FAILURE when one has failed, else REVOKED when one was revoked, SUCCESS when all have succeeded, else PENDING. */
  async state(): Promise<'PENDING' | 'SUCCESS' | 'FAILURE' | 'REVOKED'> {
    const states = await this.#states()
    if (states.includes(FAILURE)) return FAILURE
    if (states.includes(REVOKED)) return REVOKED
    return states.every((state) => state === SUCCESS) ? SUCCESS : PENDING
  }

  /** Every member has ended, with whatever state. */
  async ready(): Promise<boolean> {
    const ends: readonly (string | undefined)[] = [SUCCESS, FAILURE, REVOKED]
    return (await this.#states()).every((state) => ends.includes(state))
  }

  /** Revoke every member, as `AsyncResult.revoke`. Returns how many tasks had not ended. */
  async revoke(options: RevokeOptions = {}): Promise<number> {
    if (options.tree) return this.#open().revokeTree(this.id, { terminate: options.terminate ?? false })
    let count = 0
    for (const some of pieces(this.#leaves, MAX_IDS_PER_STEP)) {
      const revoked = await Promise.all(some.map(({ id }) => new AsyncResult(id, this.#open()).revoke(options)))
      count += revoked.filter(Boolean).length
    }
    return count
  }

  /**
   * Keep the ids of its members in the result backend, as long as a result: `app.groupResult(id)` then finds it, and on
   * Redis Python's `GroupResult.restore(id)`, too. Rejects with NotSupportedError where the backend keeps no notes.
   */
  async save(): Promise<void> {
    const stores = this.#open()
    const { backend } = await stores.open()
    const group = { result: tupleOf(this.#outline), ...(this.#names && { names: this.#names }) }
    if (backend.groups) return backend.groups.save(this.id, group)
    if (!backend.notes) throw new NotSupportedError(`group ${this.id}: save: ${backend.url} keeps no notes`)
    const value = JSON.stringify(group)
    await backend.notes.put({ key: savedKey(this.id), value, expires: stores.clock.now() + stores.resultLifetime })
  }

  #open(): AppStores {
    return this.#stores as AppStores
  }

  async #states(): Promise<(string | undefined)[]> {
    const { backend } = await this.#open().open()
    const states: (string | undefined)[] = []
    for (const some of pieces(this.#leaves, MAX_IDS_PER_STEP))
      states.push(...(await backend.load(some.map(({ id }) => id))).map((meta) => meta?.status))
    return states
  }

  /** The final records, as they come: one of each member. */
  async *#ends(options: WaitOptions): AsyncGenerator<readonly TaskMeta[], void, void> {
    const ignored = this.#leaves.find((leaf) => leaf.ignored)
    if (ignored)
      throw new ArgumentError(`group ${this.id}: task ${ignored.id} was called with ignoreResult: it keeps no record`)
    const left = new Set(this.#leaves.map(({ id }) => id))
    if (left.size === 0) return
    const stores = this.#open()
    stores.refuseWait(left)
    const waiting = waitingFor(`group ${this.id}`, this.id, options, stores)
    for await (const metas of bounded(waiting, (stop) => knownEnds([...left], stores, stop))) {
      yield metas.filter(({ task_id: id }) => left.delete(id))
      if (left.size === 0) return
    }
  }
}

/** The handle of a result, with those of what comes before it. */
export function handleOf(outline: Outline, stores: AppStores, names?: readonly string[]): ResultHandle {
  const { id, members, parent, ignored } = outline
  if (members) return new GroupResult(outline, stores, names)
  return new AsyncResult(id, stores, ignored, true, parent && handleOf(parent, stores))
}

/** The group that was saved under this id; undefined where there is none. Rejects as `save`. */
export async function savedGroup(id: string, stores: AppStores): Promise<GroupResult | undefined> {
  const saved = readSaved(await loadSaved(id, stores))
  return saved && new GroupResult(saved.outline, stores, saved.names)
}

async function loadSaved(id: string, stores: AppStores): Promise<unknown> {
  const { backend } = await stores.open()
  if (backend.groups) return backend.groups.load(id)
  if (!backend.notes) throw new NotSupportedError(`group ${id}: ${backend.url} keeps no notes`)
  const text = await backend.notes.get(savedKey(id))
  return text === undefined ? undefined : JSON.parse(text)
}

function savedKey(id: string): string {
  return `group:${id}`
}
