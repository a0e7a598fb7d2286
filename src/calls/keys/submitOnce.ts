import type { SubmissionNote } from '../../backend/notes.ts'
import type { DebounceRule, ThrottleRule, UniqueRule } from '../../config/task/onceOptions.ts'
import { pythonIso } from '../../protocol/iso.ts'
import { isoOf } from '../../std/clock.ts'
import { NotSupportedError, NotUniqueError, StoreUnavailableError } from '../../std/errors.ts'
import type { OpenStores } from '../../stores/open.ts'
import { sentVersion } from '../../tasks/version.ts'
import type { Prepared } from '../prepareCall.ts'
import { changeHolder, type HolderChange } from './changeHolder.ts'
import { type Guard, type Holder, holderNote, holderOf } from './guard.ts'
import { isFree } from './holderState.ts'
import { inTurn } from './keyTurns.ts'
import { type RunFacts, supportProblem } from './support.ts'

/** How often a call is tried again whose key another process has taken meanwhile. */
const MAX_TRIES = 50
/** How long a key is remembered after its job was due, ms: jobs may wait for weeks. */
const KEY_LIFETIME_MS = 62 * 86_400_000

/** What a guarded call needs of its app. */
export interface OnceHost {
  readonly stores: OpenStores
  readonly typedJson: boolean
  readonly facts: RunFacts
  /** Calls of one key wait for each other. */
  readonly takesTurns: boolean
  /** ms since the epoch */
  now(): number
  /** Writes a submission. False where its note, or its id, is there already. */
  write(submission: Submission): Promise<boolean>
}

/** What became of a call: the id of its job, or of the one that has its key. */
export interface Submitted {
  readonly id: string
  readonly sent: boolean
}

type Submission = Prepared['submission']

/** A job to be sent, and the note that names it. */
interface Sending {
  readonly submission: Submission
  readonly holder: Holder
  readonly expires: number
}

/** The next step: the handle of another job, or to send one in place of what the note says. */
type Step = { readonly held: string } | Sending

type GuardedCall = Prepared & { readonly guard: Guard }

/**
 * Submit a call, unless another job has its key. The note of a key names its job; what that job is doing decides, and
 * a key changes hands by an exchange of the note for another, so that one of several callers has it. Rejects with
 * NotUniqueError, and NotSupportedError where the stores cannot keep the rule.
 */
export function submitOnce(call: GuardedCall, host: OnceHost): Promise<Submitted> {
  const { guard, submission } = call
  const problem = supportProblem(guard.rule, host.stores, host.facts, submission.message.route.exchange)
  if (problem !== undefined) return Promise.reject(new NotSupportedError(`task ${guard.task}: ${problem}`))
  const asked = { call, host }
  // In a transaction of the caller others of this key would wait for its end, and it for them.
  if (!host.takesTurns || host.stores.unitOfWork.notes) return submitLast([asked]).then(([own]) => own as Submitted)
  return inTurn(host.stores, guard.noteKey, asked, { submit: submitLast, joins })
}

/** A call, and its app. */
interface Asked {
  readonly call: GuardedCall
  readonly host: OnceHost
}

/**
 * Where the last of several calls counts, those that wait together are one. Not one with a key of its own, which may
 * have been sent before.
 */
function joins({ call: { guard, submission } }: Asked): boolean {
  return keepsLast(guard.rule) && !submission.once && !submission.note
}

function keepsLast(rule: Guard['rule']): boolean {
  if (rule.option === 'unique') return rule.onConflict === 'replace'
  return rule.option === 'debounce' || (rule.option === 'throttle' && rule.keep === 'last')
}

/** Submit the last of these calls; the others get its handle. */
async function submitLast(calls: readonly Asked[]): Promise<readonly Submitted[]> {
  const first = calls[0] as Asked
  const { call, host } = calls.at(-1) as Asked
  const submitted = await new OnceCall(call, host, first.call.guard.now).submit()
  return calls.map((asked) => (asked.call === call ? submitted : { id: submitted.id, sent: false }))
}

class OnceCall {
  readonly #call: GuardedCall
  readonly #host: OnceHost
  /** When the first of the calls came that this one stands for, ms since the epoch. */
  readonly #since: number
  /** When its turn came: a busy store must not shorten a wait. */
  readonly #now: number

  constructor(call: GuardedCall, host: OnceHost, since: number) {
    this.#call = call
    this.#host = host
    this.#since = since
    this.#now = Math.max(call.guard.now, host.now())
  }

  async submit(): Promise<Submitted> {
    const { submission, guard, id } = this.#call
    const { note } = submission
    const { unitOfWork, backend } = this.#host.stores
    const notes = unitOfWork.notes ?? backend.notes
    // A note of the caller, as of an idempotency key over HTTP, is kept after this one.
    if (note && (await notes?.get(note.key)) !== undefined) return { id, sent: false }
    // What was sent before must not change what came later.
    if (keepsLast(guard.rule) && (await this.#isKnown())) return { id, sent: false }
    const submitted = await this.#try(guard.rule.option === 'unique' ? undefined : await this.#known())
    if (note && submitted.sent) await (unitOfWork.notes ? unitOfWork.notes.put(note) : backend.notes?.putIfAbsent(note))
    return submitted
  }

  async #try(first: string | undefined): Promise<Submitted> {
    const { guard, id } = this.#call
    let known = first
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const step = known === undefined ? this.#first() : await this.#next(known)
      if ('held' in step) return { id: step.held, sent: false }
      const { submission, holder, expires } = step
      const note: SubmissionNote = holderNote(guard, holder, expires, known)
      if (await this.#host.write({ ...submission, note })) return { id, sent: true }
      // Its idempotency key may be what was known.
      if (await this.#isKnown()) return { id, sent: false }
      known = await this.#known()
    }
    const { url } = this.#host.stores.backend
    throw new StoreUnavailableError(`${url}: the key of task ${guard.task} changes all the time: try again`)
  }

  /** It was sent before, with the same idempotency key. */
  async #isKnown(): Promise<boolean> {
    const { submission, id } = this.#call
    return submission.once === true && (await this.#host.stores.backend.load([id]))[0] !== undefined
  }

  async #known(): Promise<string | undefined> {
    const { stores } = this.#host
    const { noteKey } = this.#call.guard
    return (stores.unitOfWork.notes ?? stores.backend.notes)?.get(noteKey)
  }

  /** Nothing has the key. */
  #first(): Sending {
    const { submission, guard } = this.#call
    const { rule } = guard
    const now = this.#now
    const due = submission.message.notBefore ?? now
    const late = Math.max(due, now) + KEY_LIFETIME_MS
    switch (rule.option) {
      case 'idempotencyKey':
        return this.#sending({}, now + rule.expires)
      case 'unique':
        return this.#sending({}, typeof rule.while === 'number' ? now + rule.while : late)
      case 'debounce':
        return this.#sending({ first: this.#since }, late, dueAt(submission, this.#debounced(rule)))
      case 'throttle':
        return this.#sending({ due }, Math.max(due, now) + rule.every)
    }
  }

  #sending(facts: Partial<Holder>, expires: number, submission: Submission = this.#call.submission): Sending {
    const { id, queue } = this.#call
    return { submission, holder: { id, queue, ...facts }, expires }
  }

  /** Another job had the key when it was read. */
  async #next(known: string): Promise<Step> {
    const { rule } = this.#call.guard
    const holder = holderOf(known)
    if (rule.option === 'idempotencyKey') return { held: holder.id }
    if (rule.option === 'unique') return this.#unique(holder, rule, known)
    return rule.option === 'debounce' ? this.#debounce(holder, rule) : this.#throttle(holder, rule)
  }

  async #unique(holder: Holder, rule: UniqueRule, known: string): Promise<Step> {
    const { guard } = this.#call
    if (await this.#isFree(holder, rule, known)) return this.#first()
    if (rule.onConflict === 'return') return { held: holder.id }
    if (rule.onConflict === 'replace') {
      if (await this.#change(holder, { alsoBegun: rule.while !== 'queued' })) return { held: holder.id }
      if (await this.#isFree(holder, rule, known)) return this.#first()
    }
    throw new NotUniqueError(guard.task, guard.key, holder.id)
  }

  async #isFree(holder: Holder, rule: UniqueRule, known: string): Promise<boolean> {
    const { stores } = this.#host
    if (typeof rule.while === 'number') return false
    // Sent in this transaction of the caller: nothing else knows it yet.
    if (stores.unitOfWork.notes && (await stores.backend.notes?.get(this.#call.guard.noteKey)) !== known) return false
    return isFree(holder, rule.while, stores, this.#now)
  }

  async #debounce(holder: Holder, { wait, max = Number.POSITIVE_INFINITY }: DebounceRule): Promise<Step> {
    const { first = this.#since } = holder
    // A process whose clock is behind must not make it run earlier.
    const due = (before = 0): number => Math.min(first + max, Math.max(before, this.#now + wait))
    return (await this.#change(holder, { due })) ? { held: holder.id } : this.#first()
  }

  /** When a job is due that the calls of this turn begin. */
  #debounced({ wait, max = Number.POSITIVE_INFINITY }: DebounceRule): number {
    return Math.min(this.#since + max, this.#now + wait)
  }

  async #throttle(holder: Holder, { every, keep }: ThrottleRule): Promise<Step> {
    if (keep === 'first') return { held: holder.id }
    const now = this.#now
    const { due = now, last } = holder
    if (last && (await this.#change(holder, {}))) return { held: holder.id }
    const next = due + every
    if (next <= now) return this.#first()
    const later = dueAt(this.#call.submission, next)
    return this.#sending({ due: next, last: true }, next + KEY_LIFETIME_MS, later)
  }

  #change(holder: Holder, change: Partial<Pick<HolderChange, 'due' | 'alsoBegun'>>): Promise<boolean> {
    const { guard, message } = this.#call
    const { stores, typedJson } = this.#host
    const version = guard.options && sentVersion(guard.options)
    const given = { args: message.args, kwargs: message.kwargs }
    return changeHolder(holder, { alsoBegun: false, ...change, given, version, typedJson, now: this.#now }, stores)
  }
}

/** The same, due at this moment. */
function dueAt({ message, meta, ...rest }: Submission, due: number): Submission {
  const { envelope } = message
  const headers = { ...envelope.headers, eta: pythonIso(new Date(due)) }
  return {
    ...rest,
    message: { ...message, notBefore: due, envelope: { ...envelope, headers } },
    meta: meta && { ...meta, date_due: isoOf(due) },
  }
}
