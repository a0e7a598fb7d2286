import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterStore,
  KeptDeadLetter,
} from '../../backend/dead/deadLetters.ts'
import { DEATH_REASONS } from '../../protocol/deadLetterDocument.ts'
import { argumentsEdit, edited } from '../../protocol/messageEdit.ts'
import { pieces } from '../../std/chunks.ts'
import type { Clock } from '../../std/clock.ts'
import { ArgumentError, NotSupportedError, UnknownJobError } from '../../std/errors.ts'
import { requireFlag, requireObject, requireText, shown } from '../../std/validate.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { checkedCall } from '../checkedCall.ts'
import { PAGE_SIZE, requireIds, requireOptions, requireSince, requireTexts } from '../jobs/filterChecks.ts'
import type { Stores } from '../stores.ts'
import {
  concealedContent,
  contentOf,
  type DeadLetterChoice,
  type DeadLetterContent,
  type DeadLetterInfo,
  infoOfLetter,
  wholeOf,
} from './info.ts'
import { QueuedLetters } from './queuedLetters.ts'
import { REDRIVE, type RedrivenLetters, type RedriveOptions, Redriving, requireRedrive } from './redriving.ts'

/** What the dead letters need of the app. */
export interface DeadLetterHost {
  readonly stores: Stores
  readonly clock: Clock
  readonly typedJson: boolean
  /** Names of the queues that the app knows. */
  readonly queues: readonly string[]
  definition(task: string): TaskDefinition | undefined
}

/** What `list` lists. */
export interface DeadLetterListFilter extends DeadLetterFilter {
  /** Dead letters of one page, 1 to 1000. Default 50. */
  readonly limit?: number | undefined
  /** From the page before. */
  readonly cursor?: string | undefined
}

/** One page of `list`. */
export interface DeadLetterList {
  /** The newest first. */
  readonly letters: readonly DeadLetterInfo[]
  /** Pass it on for the next page; absent at the end. A page may be short, or empty, and have one. */
  readonly cursor: string | undefined
}

/** Which dead letters are sent again, or dropped: by ids or a filter, or `all`, which may have a queue beside it. */
export interface DeadLetterSelection extends DeadLetterChoice {
  readonly all?: boolean | undefined
}

/** How dead letters are dropped. */
export interface DropLettersOptions {
  /** List what would be dropped, and change nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** Most dead letters of one call. Default: all that fit. */
  readonly limit?: number | undefined
}

/** What was dropped, or would be. */
export interface DroppedLetters {
  readonly ids: readonly string[]
  /** Messages in queues named `<queue>.dead`, as with `rpc://`: they are not listed. */
  readonly queued: number
}

/** Another input. */
export interface LetterEdit {
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
}

/** How one is read. */
export interface GetLetterOptions {
  /** As people may see it: `…` in place of what its task calls `sensitive`. Default `false`. */
  readonly concealed?: boolean | undefined
}

/** The dead letters of an app: `app.deadLetters`. Each call rejects with StoreUnavailableError. */
export interface DeadLetters {
  /**
   * By page, the newest first. Rejects with ArgumentError, and with NotSupportedError where results are messages
   * (`rpc://`): dead letters are then in queues, of which all can be sent again or dropped.
   */
  list(filter?: DeadLetterListFilter): Promise<DeadLetterList>
  /** One of them, with what its message holds; undefined where there is none. Rejects as `list`. */
  get(id: string, options?: GetLetterOptions): Promise<DeadLetterContent | undefined>
  /** How many there are, by queue; with `rpc://` of the queues that the app knows. */
  count(): Promise<Readonly<Record<string, number>>>
  /**
   * Give one another input, which is checked as that of a call. It is the newest then. Rejects with UnknownJobError
   * where there is none, ArgumentError and ValidationError for an input that its task does not take, NotSupportedError
   * for a message that cannot be read, CodecError for one that is sealed and cannot be opened, PayloadError for one
   * whose input is not in the payload store, and as `list`.
   */
  edit(id: string, input: LetterEdit): Promise<void>
  /**
   * Send dead letters again, the oldest first, to the queues that they came from, also full ones, with their ids, and
   * their retries and losses counted from 0: each is sent and dropped in one write, where messages and results are one
   * store. Those whose jobs have succeeded meanwhile are dropped, and not sent. Where the call ends half-way, it may be
   * repeated. With `dryRun` they are only listed. Rejects with ArgumentError for a selection that names nothing, and as
   * `list` for one that is not `all`.
   */
  redrive(selection: DeadLetterSelection, options?: RedriveOptions): Promise<RedrivenLetters>
  /** Drop dead letters. Rejects as `redrive`. */
  drop(selection: DeadLetterSelection, options?: DropLettersOptions): Promise<DroppedLetters>
}

const DEFAULT_LIST_LIMIT = 50
const FILTERS = ['task', 'tasks', 'queue', 'reason', 'error', 'since', 'owner', 'tag', 'q'] as const

/** `DeadLetters`, on open stores. */
export class OpenDeadLetters implements DeadLetters {
  readonly #host: DeadLetterHost

  constructor(host: DeadLetterHost) {
    this.#host = host
  }

  async list(query: DeadLetterListFilter = {}): Promise<DeadLetterList> {
    requireObject(query, 'deadLetters.list')
    const { limit = DEFAULT_LIST_LIMIT, cursor, ...filter } = query
    checkFilter('deadLetters.list', filter)
    const page = await (await this.#store()).list({ ...filter, limit, cursor })
    return { letters: page.letters.map(infoOfLetter), cursor: page.cursor }
  }

  async get(id: string, { concealed = false }: GetLetterOptions = {}): Promise<DeadLetterContent | undefined> {
    requireText(id, 'deadLetters.get: id')
    requireFlag(concealed, 'deadLetters.get: concealed')
    const [letter] = await (await this.#store()).load([id])
    const content = letter && (await contentOf(letter, this.#host.stores))
    if (!content || !concealed || content.task === undefined) return content
    return concealedContent(content, this.#host.definition(content.task))
  }

  async count(): Promise<Readonly<Record<string, number>>> {
    const counts = new Map(await (await this.#host.stores.backend.deadLetters?.())?.count())
    for (const [queue, count] of await this.#queued(undefined).count())
      counts.set(queue, (counts.get(queue) ?? 0) + count)
    return Object.fromEntries(counts)
  }

  async edit(id: string, input: LetterEdit): Promise<void> {
    requireText(id, 'deadLetters.edit: id')
    requireObject(input, 'deadLetters.edit')
    const { args, kwargs, ...others } = input
    const [unknown] = Object.keys(others)
    if (unknown !== undefined || (args === undefined && kwargs === undefined))
      throw new ArgumentError(`deadLetters.edit: expected args or kwargs, got ${unknown ?? 'neither'}`)
    if (args !== undefined && !Array.isArray(args))
      throw new ArgumentError(`deadLetters.edit: args: expected an array, got ${shown(args)}`)
    const store = await this.#store()
    for (;;) {
      const [letter] = await store.load([id])
      if (!letter) throw new UnknownJobError(id, 'no dead letter has this id')
      if (await store.edit(id, letter.version, await this.#changed(letter, { args: args ?? [], kwargs: kwargs ?? {} })))
        return
    }
  }

  async #changed(
    letter: KeptDeadLetter,
    given: { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> },
  ): Promise<KeptDeadLetter['envelope']> {
    const { definition, typedJson, stores } = this.#host
    const envelope = await wholeOf(letter, stores)
    const known = letter.task === undefined ? undefined : definition(letter.task)
    const input = known ? await checkedCall(known, { args: [...given.args], kwargs: given.kwargs }, {}) : given
    return edited(envelope, argumentsEdit(envelope, input, typedJson))
  }

  async redrive(selection: DeadLetterSelection, options: RedriveOptions = {}): Promise<RedrivenLetters> {
    requireRedrive(options)
    const { ids, all: _, ...filter } = checkSelection(REDRIVE, selection, options.limit)
    const { stores, clock } = this.#host
    const store = await this.#storeFor(selection)
    const redriving = new Redriving({ stores, clock, store }, options)
    if (ids) await redriving.named([...new Set(ids)])
    else if (store) await redriving.fitting(filter)
    if (isWholeQueue(selection)) await redriving.queued(this.#queued(filter.queue))
    return redriving.report
  }

  async drop(selection: DeadLetterSelection, options: DropLettersOptions = {}): Promise<DroppedLetters> {
    requireOptions('deadLetters.drop', options, ['dryRun'], ['limit'])
    const { dryRun = false, limit = Number.POSITIVE_INFINITY } = options
    const { ids, all: _, ...filter } = checkSelection('deadLetters.drop', selection, limit)
    const store = await this.#storeFor(selection)
    const dropped: string[] = []
    const some = async (page: readonly string[]): Promise<void> => {
      dropped.push(...page)
      if (!dryRun) await store?.drop(page)
    }
    if (ids && store) {
      for (const part of pieces([...new Set(ids)].slice(0, limit), PAGE_SIZE)) {
        const known = await store.load(part)
        await some(known.flatMap((letter) => letter?.id ?? []))
      }
    } else if (store) {
      let cursor: string | undefined
      do {
        const query = { ...filter, limit: Math.min(PAGE_SIZE, limit - dropped.length), cursor }
        const page: DeadLetterPage = await store.list(query)
        await some(page.letters.map(({ id }) => id))
        cursor = page.cursor
      } while (cursor !== undefined && dropped.length < limit)
    }
    const queued = isWholeQueue(selection) ? await this.#queued(filter.queue).drop(dryRun) : 0
    return { ids: dropped, queued }
  }

  async #store(): Promise<DeadLetterStore> {
    const { backend } = this.#host.stores
    const store = await backend.deadLetters?.()
    if (store) return store
    throw new NotSupportedError(
      `${backend.url} keeps no dead letters: they are in queues named <queue>.dead, of which all can be sent again or dropped; a result backend of sqlite:, redis: or postgres: lists them`,
    )
  }

  /** Undefined where there is none, and none is needed. */
  async #storeFor(selection: DeadLetterSelection): Promise<DeadLetterStore | undefined> {
    return isWholeQueue(selection) ? this.#host.stores.backend.deadLetters?.() : this.#store()
  }

  #queued(queue: string | undefined): QueuedLetters {
    const { stores, queues } = this.#host
    return new QueuedLetters(stores, queue === undefined ? queues : [queue])
  }
}

/** All of them, or all of one queue. */
function isWholeQueue({ all, queue: _, ...others }: DeadLetterSelection): boolean {
  return all === true && Object.values(others).every((value) => value === undefined)
}

function checkSelection(call: string, selection: DeadLetterSelection, limit: number | undefined): DeadLetterSelection {
  requireObject(selection, call)
  const { ids, all, ...filter } = selection
  checkFilter(call, filter)
  requireIds(call, ids)
  const named = FILTERS.filter((name) => filter[name] !== undefined)
  if (all !== undefined && typeof all !== 'boolean')
    throw new ArgumentError(`${call}: all: expected true or false, got ${shown(all)}`)
  if (ids && (all === true || named.length > 0))
    throw new ArgumentError(`${call}: ids and ${all === true ? 'all' : named[0]} exclude each other`)
  if (!ids && all !== true && named.length === 0)
    throw new ArgumentError(`${call}: expected one of ids, all, ${FILTERS.join(', ')}, got none of them`)
  if (limit !== undefined && limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit > 0))
    throw new ArgumentError(`${call}: limit: expected a whole number >= 1, got ${shown(limit)}`)
  return selection
}

function checkFilter(call: string, filter: DeadLetterFilter): void {
  const unknown = Object.keys(filter).find((name) => !(FILTERS as readonly string[]).includes(name))
  if (unknown !== undefined)
    throw new ArgumentError(`${call}: unknown filter ${unknown}; known are ${FILTERS.join(', ')}`)
  const { task, queue, reason, error, owner, tag, since, tasks } = filter
  requireTexts(call, { task, queue, error, owner, tag })
  requireSince(call, since)
  if (reason !== undefined && !DEATH_REASONS.includes(reason))
    throw new ArgumentError(`${call}: reason: expected one of ${DEATH_REASONS.join(', ')}, got ${shown(reason)}`)
  if (tasks !== undefined && !Array.isArray(tasks))
    throw new ArgumentError(`${call}: tasks: expected a list of names, got ${shown(tasks)}`)
}
