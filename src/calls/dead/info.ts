import type { DeadLetter, DeadLetterFilter, Death, KeptDeadLetter } from '../../backend/dead/deadLetters.ts'
import { isOffloaded } from '../../protocol/callHeaders.ts'
import type { DeathReason } from '../../protocol/deadLetterDocument.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { errorInfo } from '../../protocol/exception.ts'
import { decodeTask } from '../../protocol/message.ts'
import { concealedCall } from '../../protocol/repr.ts'
import { ALL_CONTENT_TYPES } from '../../protocol/serializer.ts'
import { namesOf } from '../../tasks/bind.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { requirePayloads, type Stores } from '../stores.ts'

/** One time that a worker gave up a message. */
export interface DeathInfo {
  /**
   * `failed`: its task failed, and its retries are used up; `rejected`: its task rejected it; `undecodable`: it cannot
   * be read; `unknown`: no worker knows its task; `lost`: its workers, or their children, ended with it too often;
   * `refused`: what follows from its task cannot be sent or stored.
   */
  readonly reason: DeathReason
  /** Class and message of the error; of the message at most 1000 characters. */
  readonly error: { readonly type: string; readonly message: string }
  readonly diedAt: Date
  /** Host name of the worker. */
  readonly worker: string
}

/** A message that a worker has given up. */
export interface DeadLetterInfo extends DeathInfo {
  /** Of its task; of a message without one, an id of its own. */
  readonly id: string
  readonly task: string | undefined
  /** Queue that it came from, and goes back to. */
  readonly queue: string
  /** How often it had been retried; undefined where that cannot be read. */
  readonly retries: number | undefined
  /** How many of its runs were lost with their workers or children. */
  readonly lost: number
  /** Deaths before this one: it was sent again after each. The newest last, at most 10. */
  readonly deaths: readonly DeathInfo[]
  /** Of the job, where the store knew them when it died. */
  readonly owner: string | undefined
  readonly tags: readonly string[]
  /** Size of the body of its message, in bytes. */
  readonly bytes: number
}

/** A dead letter with what its message holds. */
export interface DeadLetterContent extends DeadLetterInfo {
  /** Undefined where the message cannot be read: `problem` says why. */
  readonly args: readonly unknown[] | undefined
  readonly kwargs: Readonly<Record<string, unknown>> | undefined
  readonly problem: string | undefined
  /** Headers of the message, as they came. */
  readonly headers: Readonly<Record<string, unknown>>
  /** The beginning of its body where that cannot be read, at most 1000 characters. */
  readonly body: string | undefined
}

/** Which dead letters: those that fit all that is named. */
export interface DeadLetterChoice extends DeadLetterFilter {
  /** At most 10,000. */
  readonly ids?: readonly string[] | undefined
}

const MAX_BODY = 1000

export function infoOfLetter(letter: DeadLetter): DeadLetterInfo {
  const { id, task, queue, retries, lost, history, owner, tags = [], bytes } = letter
  return { id, task, queue, ...deathOf(letter), retries, lost, deaths: history.map(deathOf), owner, tags, bytes }
}

function deathOf({ reason, error, died, worker }: Death): DeathInfo {
  const { type, message } = error
  return { reason, error: { type, message }, diedAt: new Date(died), worker }
}

/** A message with its arguments, opened. Rejects with PayloadError, CodecError, StoreUnavailableError. */
export async function wholeOf(
  { envelope }: Pick<KeptDeadLetter, 'envelope'>,
  stores: Pick<Stores, 'opens' | 'payloads'>,
): Promise<Envelope> {
  if (isOffloaded(envelope.headers)) return requirePayloads(stores).reader.envelope(envelope)
  return stores.opens ? stores.opens(envelope) : envelope
}

/** As people see it: without what its task calls `sensitive`, where the task is known here. */
export function concealedContent(letter: DeadLetterContent, definition: TaskDefinition | undefined): DeadLetterContent {
  const sensitive = definition?.options.sensitive
  if (!sensitive) return letter
  const { args, kwargs } = letter
  // What cannot be read may have it anywhere.
  if (!args || !kwargs) return { ...letter, body: undefined }
  return { ...letter, ...concealedCall({ args, kwargs }, sensitive, namesOf(definition)) }
}

export async function contentOf(
  letter: KeptDeadLetter,
  stores: Pick<Stores, 'opens' | 'payloads'>,
): Promise<DeadLetterContent> {
  const { envelope } = letter
  const { headers } = envelope
  const info = infoOfLetter(letter)
  try {
    const { args, kwargs } = decodeTask(await wholeOf(letter, stores), ALL_CONTENT_TYPES)
    return { ...info, args, kwargs, problem: undefined, headers, body: undefined }
  } catch (error) {
    const { type, message } = errorInfo(error)
    const body = Buffer.from(envelope.body).toString('utf8').slice(0, MAX_BODY)
    return { ...info, args: undefined, kwargs: undefined, problem: `${type}: ${message}`, headers, body }
  }
}
