import type { DeathReason } from '../../protocol/deadLetterDocument.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import type { ErrorInfo } from '../../protocol/outcome.ts'
import type { TaskMeta } from '../../protocol/result.ts'

/*
 * Dead letters, a part of the result backend: messages that workers have given up, with why.
 * Each sentence of these docs is a case of `testing/suites/jobs/deadLetterSuite.ts`.
 */

/** One time that a message was given up. */
export interface Death {
  readonly reason: DeathReason
  /** Class and message of the error; of the message at most 1000 characters. */
  readonly error: Pick<ErrorInfo, 'type' | 'message'>
  /** When, ms since the epoch. */
  readonly died: number
  /** Host name of the worker. */
  readonly worker: string
}

/** A message that is given up, with what its worker says of it. */
export interface NewDeadLetter extends Death {
  /** Of its task; of a message without one, an id of its own. */
  readonly id: string
  readonly task?: string | undefined
  /** Queue that the message came from. */
  readonly queue: string
  /** Retries that its message counts; absent where that cannot be read. */
  readonly retries?: number | undefined
  /** How many of its runs were lost. */
  readonly lost: number
  /** Deaths before this one: it was sent again after each. The newest last, at most 10. */
  readonly history: readonly Death[]
  /** As it came, without the headers that count its lost runs. */
  readonly envelope: Envelope
}

/** A dead letter without its message. */
export interface DeadLetter extends Omit<NewDeadLetter, 'envelope'> {
  /** Grows with each that is kept or edited: a later one is newer. */
  readonly version: number
  /** Size of the body of its message, in bytes. */
  readonly bytes: number
  /** Of the job, as far as known when its message died. */
  readonly owner?: string | undefined
  readonly tags?: readonly string[] | undefined
}

/** A dead letter with its message. */
export interface KeptDeadLetter extends DeadLetter {
  readonly envelope: Envelope
}

/** Which dead letters: those that fit all that is named. */
export interface DeadLetterFilter {
  readonly task?: string | undefined
  /** Names of tasks; it has one of them. */
  readonly tasks?: readonly string[] | undefined
  readonly queue?: string | undefined
  readonly reason?: DeathReason | undefined
  /** A part of the class or the message of the error, in upper or lower case. */
  readonly error?: string | undefined
  /** Died at this moment or later, ms since the epoch. */
  readonly since?: number | undefined
  readonly owner?: string | undefined
  readonly tag?: string | undefined
  /**
   * Text of 1 to 200 characters: each of its words, separated by blanks, is found in the id, the task's name, a tag, or
   * the class or message of the error, in upper or lower case.
   */
  readonly q?: string | undefined
}

/** A page of a list. */
export interface DeadLetterQuery extends DeadLetterFilter {
  /** 1 to 1000. */
  readonly limit: number
  readonly cursor?: string | undefined
  /** The oldest first. Default: the newest. */
  readonly oldest?: boolean | undefined
}

/** `cursor` asks for the next page; absent at the end. A page may be short, or empty, and have one. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[]
  readonly cursor?: string | undefined
}

/** How many are kept, how many bytes of messages, and how long. */
export interface DeadLetterBounds {
  /** ms; 0: for ever. */
  readonly expires: number
  /** The oldest ones above this number are dropped. */
  readonly max: number
  /** The oldest ones whose messages are above these bytes are dropped. The newest stays, whatever its size. */
  readonly maxBytes: number
}

/** How much is kept. */
export interface DeadLetterAmount {
  readonly letters: number
  /** Of their messages as they are stored: headers, properties and body. */
  readonly bytes: number
}

/** Dead letters of all processes that share the store, within `DeadLetterBounds`. */
export interface DeadLetterStore {
  /**
   * Keep these. One of an id that is there is replaced. Owner and tags of a job are kept with it, where the store knows
   * them.
   */
  put(letters: readonly NewDeadLetter[]): Promise<void>
  /** By page, in the order of their versions. ArgumentError for a limit, a cursor or a search that is out of bounds. */
  list(query: DeadLetterQuery): Promise<DeadLetterPage>
  /** With their messages, in the order of the ids; undefined where there is none. */
  load(ids: readonly string[]): Promise<(KeptDeadLetter | undefined)[]>
  /** Another message in place of that of this version; it is the newest then. False where it is not there. */
  edit(id: string, version: number, envelope: Envelope): Promise<boolean>
  /** Drop them. Returns how many were there. */
  drop(ids: readonly string[]): Promise<number>
  /** Drop one if it has this version. */
  remove(id: string, version: number): Promise<void>
  /** How many there are, by queue. */
  count(): Promise<ReadonlyMap<string, number>>
  /** How much all of them are, also those that have expired and are still there. Without reading them. */
  amount(): Promise<DeadLetterAmount>
  /** Drop what has expired, and the oldest above the bounds. The store does that by itself, too, from time to time. */
  trim(): Promise<void>
  /** Write these records over those of their ids, also over final ones, but not over SUCCESS. */
  reopen(metas: readonly TaskMeta[]): Promise<void>
}
