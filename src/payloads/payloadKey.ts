import { hash, randomBytes } from 'node:crypto'
import { ArgumentError } from '../std/errors.ts'
import { shown } from '../std/validate.ts'

/*
 * Keys of payloads: `ab/cd/<job>.<kind>.<made>.<until>.<random>.<queue>`. The folders spread the files; the job is the
 * prefix by which all of its payloads are found; the random part is new for each write, so that no run overwrites what
 * another one has written. Times are s since the epoch in base 36.
 */

/** `input` and `result` of a job; `part`: a result that a chord waits for, too; `upload`: an input without a job. */
export type PayloadKind = 'input' | 'result' | 'part' | 'upload'

/** What a key says. */
export interface PayloadFacts {
  /** Id of the job; undefined where it is too long to be in the key. */
  readonly id: string | undefined
  readonly kind: PayloadKind
  /** When it was put, ms since the epoch. */
  readonly made: number
  /** Until this moment it is needed where neither message nor record can be asked for, ms since the epoch. */
  readonly until: number
  /** Of an input: the queue of its message, where that is not too long. */
  readonly queue: string | undefined
}

const KINDS = { input: 'i', result: 'r', part: 'p', upload: 'u' } as const
const KIND_OF: Readonly<Record<string, PayloadKind>> = { i: 'input', r: 'result', p: 'part', u: 'upload' }
const KEY =
  /^[0-9a-f]{2}\/[0-9a-f]{2}\/(~{0,2}[\w-]{1,140})\.([irpu])\.([0-9a-z]{1,10})\.([0-9a-z]{1,10})\.[\w-]{16}\.(~?[\w-]{0,90})$/
const PLAIN = /^[\w-]+$/
const MAX_ID = 140
const MAX_QUEUE = 90
/** s: `until` of a payload that is kept for ever. */
const FOREVER = 36 ** 9

/** A key that no payload has yet. */
export function newKey({
  id,
  kind,
  made,
  until,
  queue = '',
}: Omit<PayloadFacts, 'id'> & { readonly id: string }): string {
  const queueName = encoded(queue)
  const times = [made, until].map((ms) => Math.min(FOREVER, Math.ceil(ms / 1000)).toString(36))
  const random = randomBytes(12).toString('base64url')
  const place = queueName === '' || queueName.length > MAX_QUEUE ? '~' : queueName
  return `${prefixOf(id)}${KINDS[kind]}.${times.join('.')}.${random}.${place}`
}

/** What all keys of a job begin with. */
export function prefixOf(id: string): string {
  const name = encoded(id)
  const part = name.length > MAX_ID ? `~~${hash('sha256', id, 'hex')}` : name
  const digest = hash('sha256', part, 'hex')
  return `${digest.slice(0, 2)}/${digest.slice(2, 4)}/${part}.`
}

/** What a key says; undefined for one that celeriac did not make. */
export function readKey(key: string): PayloadFacts | undefined {
  const [, part, kind, made, until, queue] = KEY.exec(key) ?? []
  if (part === undefined || kind === undefined || made === undefined || until === undefined) return undefined
  return {
    id: part.startsWith('~~') ? undefined : decoded(part),
    kind: KIND_OF[kind] as PayloadKind,
    made: Number.parseInt(made, 36) * 1000,
    until: Number.parseInt(until, 36) * 1000,
    queue: queue === '~' ? undefined : decoded(queue as string),
  }
}

/** A key that can be a path, whatever the store, else ArgumentError. */
export function requireKey(key: unknown): asserts key is string {
  const isKey = typeof key === 'string' && key.length <= MAX_KEY && SAFE_KEY.test(key) && !UP.test(key)
  if (!isKey) throw new ArgumentError(`payload key: expected one that celeriac made, got ${shown(key)}`)
}

const MAX_KEY = 300
const SAFE_KEY = /^[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*){0,5}$/
const UP = /\.\./

function encoded(text: string): string {
  return text === '' || PLAIN.test(text) ? text : `~${Buffer.from(text).toString('base64url')}`
}

function decoded(part: string): string {
  return part.startsWith('~') ? Buffer.from(part.slice(1), 'base64url').toString() : part
}
