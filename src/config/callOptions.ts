import type { Note } from '../backend/notes.ts'
import { assertEncodable } from '../protocol/encoding.ts'
import { type SignatureData, type SignatureLike, signatureOf } from '../protocol/signature.ts'
import { isStampName } from '../protocol/stamps.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { type OptionTable, readGiven } from '../std/optionTable.ts'
import { requireDate, requireObject, requireText, shown } from '../std/validate.ts'
import { requireName } from './queueOptions.ts'
import { type CallRetryOptions, parseCallRetry, type RetryPolicy } from './retryOptions.ts'
import { TASK_OPTIONS } from './task/taskTable.ts'

/** Options of one call: they override those of its task; some exist for calls only. */
export interface CallOptions {
  // <CALL_OPTIONS> written by `npm run docs:api` from the table below
  /** Not before this much time from now. Default: none. */
  countdown?: Duration | undefined
  /** Not before this moment: kept in the store, not in a worker's memory. Default: none. */
  eta?: Date | undefined
  /** Not started after this moment, or this much time from now: REVOKED. Default: the task's. */
  expires?: Date | Duration | undefined
  /** No run begins after this moment, or later than this from now: over all repeats. Default: the task's. */
  deadline?: Date | Duration | undefined
  /** 0 to 255; on the embedded store the highest is served first. Default: the task's. */
  priority?: number | undefined
  /** Queue it goes to. Default: the task's. */
  queue?: string | undefined
  /** Exchange it is sent to, in place of a queue. Default: that of its queue. */
  exchange?: string | undefined
  /** Routing key, for an exchange or for a queue that is bound to a topic exchange. Default: that of its queue. */
  routingKey?: string | undefined
  /** The id, 1 to 255 characters. Default: a new UUID. */
  taskId?: string | undefined
  /** Keyword arguments beside a list of positional ones. Default: none. */
  kwargs?: Readonly<Record<string, unknown>> | undefined
  /** Custom headers, plain JSON data: `ctx.headers` in the task. Default: none. */
  headers?: Record<string, unknown> | undefined
  /**
   * Repeats after a failure, in place of the task's; which errors are repeated is the task's to say. Default: the
   * task's.
   */
  retry?: number | CallRetryOptions | undefined
  /**
   * Stopped by force after this time (threads, processes); abandoned (inline); `0`: no limit. In a thread or process
   * also a loop that never awaits; inline nothing can end a function of the same thread. Default: the task's.
   */
  timeLimit?: Duration | undefined
  /** `ctx.signal` aborts with `SoftTimeLimitExceeded` after this time; `0`: no limit. Default: the task's. */
  softTimeLimit?: Duration | undefined
  /** Keep no record: neither state nor result. Default: the task's. */
  ignoreResult?: boolean | undefined
  /**
   * How long its record is kept after its end; `0`: for ever. With `rpc://` in the memory of the caller, as far as
   * there is room. Default: the task's.
   */
  resultExpires?: Duration | undefined
  /** How its arguments are sent. Default: the task's. */
  serializer?: 'json' | 'msgpack' | undefined
  /**
   * A second call of this task with the same key sends nothing and returns the first call's handle, for as long as its
   * record is kept, or `idempotencyExpires`. Default: none.
   */
  idempotencyKey?: string | undefined
  /**
   * How long `idempotencyKey` is remembered from the first call, whatever becomes of its record. Not on `rpc:`.
   * Default: as long as the record of the first call is kept.
   */
  idempotencyExpires?: Duration | undefined
  /**
   * Words to find the job by, at most 20, each of 1 to 100 printable characters: `app.jobs({ tag })`, `GET
   * /v1/jobs?tag=`. Nothing on `rpc:`. Default: none.
   */
  tags?: readonly string[] | undefined
  /** Whose job it is: over HTTP with `authorize` only this identity sees it, and admins. Default: none. */
  owner?: string | undefined
  /** Keep the input with the record, for a later retry by `POST /v1/jobs/{id}/retry`. Default: `false`. */
  keepInput?: boolean | undefined
  /**
   * `{ key, value, expires }` (ms since the epoch): send only if no note of this key is in the store, and leave this
   * one. In one write where broker and backend are one store. Not on `rpc:`. Default: none.
   */
  note?: Note | undefined
  /** Called with the result after success: signatures. Default: none. */
  link?: SignatureLike | readonly SignatureLike[] | undefined
  /** Called with the id of the task after a failure: signatures. Default: none. */
  linkError?: SignatureLike | readonly SignatureLike[] | undefined
  /** Stamps by name, plain JSON data: `ctx.stamps` in the task and in all that follows it. Default: none. */
  stamps?: Readonly<Record<string, unknown>> | undefined
  /**
   * URL that is notified when the job has ended, whatever its end: a signed CloudEvent. Needs the app's option
   * `webhooks`. Default: none.
   */
  webhook?: string | undefined
  // </CALL_OPTIONS>
}

/** Those that are given, parsed: times in ms. */
export interface ParsedCallOptions
  extends Omit<
    CallOptions,
    | 'countdown'
    | 'expires'
    | 'deadline'
    | 'retry'
    | 'timeLimit'
    | 'softTimeLimit'
    | 'resultExpires'
    | 'idempotencyExpires'
    | 'link'
    | 'linkError'
  > {
  readonly countdown?: number | undefined
  /** A moment, or ms from the call. */
  readonly expires?: Date | number | undefined
  /** A moment, or ms from the call. */
  readonly deadline?: Date | number | undefined
  readonly retry?: RetryPolicy | undefined
  readonly timeLimit?: number | undefined
  readonly softTimeLimit?: number | undefined
  /** ms; 0: for ever. */
  readonly resultExpires?: number | undefined
  /** ms */
  readonly idempotencyExpires?: number | undefined
  readonly link?: readonly SignatureData[] | undefined
  readonly linkError?: readonly SignatureData[] | undefined
}

/** Most tags of one job, and the longest tag. */
export const MAX_TAGS = 20
export const MAX_TAG_LENGTH = 100

/** An option of the task that a call may give for itself. */
const OF_TASK = { absent: "the task's" }

export const CALL_OPTIONS: OptionTable<CallOptions, ParsedCallOptions> = {
  countdown: {
    kind: 'duration',
    absent: 'none',
    doc: 'not before this much time from now',
    celery: 'countdown',
  },
  eta: {
    kind: 'value',
    type: 'Date',
    check: requireDate,
    absent: 'none',
    doc: "not before this moment: kept in the store, not in a worker's memory",
    celery: 'eta',
  },
  expires: {
    kind: 'value',
    type: 'Date | Duration',
    parse: dateOrDuration,
    absent: "the task's",
    doc: 'not started after this moment, or this much time from now: REVOKED',
    celery: 'expires',
  },
  deadline: {
    kind: 'value',
    type: 'Date | Duration',
    parse: dateOrDuration,
    absent: "the task's",
    doc: 'no run begins after this moment, or later than this from now: [over all repeats](reference.md#deadlines)',
  },
  priority: { ...TASK_OPTIONS.priority, ...OF_TASK },
  queue: { ...TASK_OPTIONS.queue, ...OF_TASK },
  exchange: {
    kind: 'value',
    type: 'string',
    check: requireName,
    absent: 'that of its queue',
    doc: '[exchange](reference.md#exchanges) it is sent to, in place of a queue',
    celery: 'exchange',
  },
  routingKey: {
    kind: 'value',
    type: 'string',
    check: requireName,
    absent: 'that of its queue',
    doc: 'routing key, for an exchange or for a queue that is bound to a topic exchange',
    celery: 'routing_key',
  },
  taskId: {
    kind: 'text',
    absent: 'a new UUID',
    doc: 'the id, 1 to 255 characters',
    celery: 'task_id',
  },
  kwargs: {
    kind: 'value',
    type: 'Readonly<Record<string, unknown>>',
    check: requireKwargs,
    absent: 'none',
    doc: 'keyword arguments beside a list of positional ones',
    celery: 'kwargs',
  },
  headers: {
    kind: 'value',
    type: 'Record<string, unknown>',
    check: requireHeaders,
    absent: 'none',
    doc: 'custom headers, plain JSON data: `ctx.headers` in the task',
    celery: 'headers',
  },
  retry: {
    kind: 'value',
    type: 'number | CallRetryOptions',
    parse: parseCallRetry,
    doc: "repeats after a failure, in place of the task's; which errors are repeated is the task's to say",
    ...OF_TASK,
  },
  timeLimit: { ...TASK_OPTIONS.timeLimit, ...OF_TASK },
  softTimeLimit: { ...TASK_OPTIONS.softTimeLimit, ...OF_TASK },
  ignoreResult: { ...TASK_OPTIONS.ignoreResult, ...OF_TASK },
  resultExpires: { ...TASK_OPTIONS.resultExpires, ...OF_TASK },
  serializer: { ...TASK_OPTIONS.serializer, ...OF_TASK },
  idempotencyKey: {
    kind: 'text',
    absent: 'none',
    doc: "a second call of this task with the same key sends nothing and returns the first call's handle, for as long as its record is kept, or `idempotencyExpires`",
  },
  idempotencyExpires: {
    kind: 'duration',
    check: requireLasting,
    absent: 'as long as the record of the first call is kept',
    doc: '[how long `idempotencyKey` is remembered](how-to/run-it-once.md#idempotency-keys) from the first call, whatever becomes of its record',
    more: 'Not on `rpc:`.',
  },
  tags: {
    kind: 'value',
    type: 'readonly string[]',
    check: requireTags,
    absent: 'none',
    doc: `words to find the job by, at most ${MAX_TAGS}, each of 1 to ${MAX_TAG_LENGTH} printable characters: \`app.jobs({ tag })\`, \`GET /v1/jobs?tag=\``,
    more: 'Nothing on `rpc:`.',
  },
  owner: {
    kind: 'text',
    absent: 'none',
    doc: 'whose job it is: over HTTP with [`authorize`](http.md#who-may-ask) only this identity sees it, and admins',
  },
  keepInput: {
    kind: 'flag',
    absent: '`false`',
    doc: 'keep the input with the record, for a later retry by `POST /v1/jobs/{id}/retry`',
  },
  note: {
    kind: 'value',
    type: 'Note',
    check: requireNote,
    absent: 'none',
    doc: '`{ key, value, expires }` (ms since the epoch): send only if no note of this key is in the store, and leave this one',
    more: 'In one write where broker and backend are one store. Not on `rpc:`.',
  },
  link: {
    kind: 'value',
    type: 'SignatureLike | readonly SignatureLike[]',
    parse: parseLinks,
    absent: 'none',
    doc: 'called with the result after success: [signatures](workflows.md#links)',
    celery: 'link',
  },
  linkError: {
    kind: 'value',
    type: 'SignatureLike | readonly SignatureLike[]',
    parse: parseLinks,
    absent: 'none',
    doc: 'called with the id of the task after a failure: [signatures](workflows.md#links)',
    celery: 'link_error',
  },
  stamps: {
    kind: 'value',
    type: 'Readonly<Record<string, unknown>>',
    check: requireStamps,
    absent: 'none',
    doc: '[stamps](workflows.md#stamps) by name, plain JSON data: `ctx.stamps` in the task and in all that follows it',
    celery: 'stamped_headers',
  },
  webhook: {
    kind: 'value',
    type: 'string',
    absent: 'none',
    doc: 'URL that is notified when the job has ended, whatever its end: a signed CloudEvent',
    more: "Needs the app's option [`webhooks`](webhooks.md).",
  },
}

/** `where` names the call in an error. Throws ArgumentError for anything that a call may not say. */
export function parseCallOptions(options: CallOptions, where: string): ParsedCallOptions {
  const parsed = readGiven(CALL_OPTIONS, options, where)
  if (parsed.taskId !== undefined && parsed.idempotencyKey !== undefined)
    throw new ArgumentError(`${where}: taskId and idempotencyKey exclude each other`)
  if (parsed.idempotencyExpires !== undefined && parsed.idempotencyKey === undefined)
    throw new ArgumentError(`${where}: idempotencyExpires: expected an idempotencyKey beside it, got none`)
  if (parsed.eta !== undefined && parsed.countdown !== undefined)
    throw new ArgumentError(`${where}: eta and countdown exclude each other`)
  return parsed
}

function requireLasting(ms: number, where: string): void {
  if (ms < 1) throw new ArgumentError(`${where}: expected at least 1 ms, got ${ms}`)
}

function dateOrDuration(time: Date | Duration, where: string): Date | number {
  if (!(time instanceof Date)) return milliseconds(time, where)
  requireDate(time, where)
  return time
}

/** Throws ArgumentError for what is no signature. */
function parseLinks(links: SignatureLike | readonly SignatureLike[], where: string): readonly SignatureData[] {
  const list: readonly unknown[] = Array.isArray(links) ? links : [links]
  return list.map((link, index) => {
    try {
      return signatureOf(link, list.length === 1 ? where : `${where}[${index}]`)
    } catch (error) {
      throw new ArgumentError((error as Error).message)
    }
  })
}

function requireKwargs(kwargs: unknown, where: string): void {
  if (!isRecord(kwargs)) throw new ArgumentError(`${where}: expected an object, got ${shown(kwargs)}`)
}

function requireHeaders(headers: unknown, where: string): void {
  requireObject(headers, where)
  // A Map, say, has no keys of its own: its entries would be lost without an error.
  assertEncodable(headers, 'headers', 'json')
}

function requireStamps(stamps: unknown, where: string): void {
  requireObject(stamps, where)
  assertEncodable(stamps, 'stamps', 'json')
  const wrong = Object.keys(stamps as object).find((name) => !isStampName(name))
  if (wrong !== undefined)
    throw new ArgumentError(`${where}: expected names that are no options or fields of a task, got ${shown(wrong)}`)
}

function requireTags(tags: unknown, where: string): void {
  if (!Array.isArray(tags) || tags.length > MAX_TAGS)
    throw new ArgumentError(`${where}: expected an array of at most ${MAX_TAGS}, got ${shown(tags)}`)
  for (const tag of tags) {
    requireText(tag, where)
    if (tag.length > MAX_TAG_LENGTH)
      throw new ArgumentError(`${where}: expected at most ${MAX_TAG_LENGTH} characters, got ${tag.length}`)
  }
}

function requireNote(note: unknown, where: string): void {
  const { key, value, expires } = (note ?? {}) as Partial<Note>
  requireText(key, `${where}: key`)
  if (typeof value !== 'string' || !Number.isSafeInteger(expires))
    throw new ArgumentError(`${where}: expected { key, value, expires } of text and ms since the epoch`)
}
