import type { ParsedTaskOptions } from '../config/parsedTaskOptions.ts'
import { callFact } from '../protocol/callHeaders.ts'
import type { Properties } from '../protocol/envelope.ts'
import { isoTime } from '../protocol/iso.ts'
import type { DeliveryInfo, Job } from '../protocol/job.ts'
import type { SignatureData } from '../protocol/signature.ts'

/**
 * What a task can read of the message that called it: what Python's `self.request` has. In a direct call there is no
 * message, and most of it is undefined.
 */
export interface MessageInfo {
  /** Positional arguments as they were sent. */
  readonly args: readonly unknown[]
  /** Keyword arguments as they were sent. */
  readonly kwargs: Readonly<Record<string, unknown>>
  /** How often it was retried: 0 at the first run. `attempt` is one more, and counts lost runs too. */
  readonly retries: number
  /** 0 to 255, where the caller or the task's options named one. */
  readonly priority: number | undefined
  /** It was not to start before this moment. Of a run after a retry: not before this repeat. */
  readonly eta: Date | undefined
  /** It was not to start after this moment. */
  readonly expires: Date | undefined
  /** No run of it begins after this moment, repeats included. */
  readonly deadline: Date | undefined
  /** Hard limit of this run, ms: the call's, else the task's. */
  readonly timeLimit: number | undefined
  /** Soft limit of this run, ms: the call's, else the task's. */
  readonly softTimeLimit: number | undefined
  /** Queue of the caller's results, where these are sent (`rpc://`). */
  readonly replyTo: string | undefined
  /** The task's id, unless its sender chose another. */
  readonly correlationId: string | undefined
  /** Exchange and routing key by which it came, priority, and whether it was held before. */
  readonly deliveryInfo: DeliveryInfo | undefined
  /** Properties of the message, in AMQP's words. */
  readonly properties: Properties | undefined
  /** Id of the group that it is a member of. */
  readonly group: string | undefined
  /** Its place in that group, from 0. */
  readonly groupIndex: number | undefined
  /** What is called when the whole group has succeeded. */
  readonly chord: SignatureData | undefined
  /** What follows in its chain, the next task last. */
  readonly chain: readonly SignatureData[]
  /** What is called with its result. */
  readonly callbacks: readonly SignatureData[]
  /** What is called when it fails. */
  readonly errbacks: readonly SignatureData[]
  /** Names of its stamps. */
  readonly stampedHeaders: readonly string[]
  /** Its stamps and their values. */
  readonly stamps: Readonly<Record<string, unknown>>
  /** Who sent it, as `gen123@host`. */
  readonly origin: string | undefined
  /** Name shown to people in place of the task's. */
  readonly shadow: string | undefined
  /** It keeps no record. */
  readonly ignoreResult: boolean
  /** How often it has replaced itself. */
  readonly replacedTaskNesting: number
  /** Its arguments for people to read, as Python would print them. */
  readonly argsrepr: string | undefined
  readonly kwargsrepr: string | undefined
  /** It runs in its caller's process (`alwaysEager`). */
  readonly isEager: boolean
  /** It was called as a function: there is no message and no record. */
  readonly calledDirectly: boolean
}

const NO_ITEMS: readonly never[] = Object.freeze([])
const NO_STAMPS: Readonly<Record<string, never>> = Object.freeze({})

/** Read from the job when asked for: a task that does not look costs nothing. */
export class JobMessage implements MessageInfo {
  protected readonly job: Job
  readonly #limits: Pick<ParsedTaskOptions, 'timeLimit' | 'softTimeLimit'>

  constructor(job: Job, limits: Pick<ParsedTaskOptions, 'timeLimit' | 'softTimeLimit'>) {
    this.job = job
    this.#limits = limits
  }

  get args(): readonly unknown[] {
    return this.job.args
  }
  get kwargs(): Readonly<Record<string, unknown>> {
    return this.job.kwargs
  }
  get retries(): number {
    return this.job.retries
  }
  get priority(): number | undefined {
    return this.job.message?.priority
  }
  get eta(): Date | undefined {
    return moment(this.job.message?.eta)
  }
  get expires(): Date | undefined {
    return moment(this.job.message?.expires)
  }
  get deadline(): Date | undefined {
    const deadline = callFact(this.job.headers, 'deadline')
    return deadline === undefined ? undefined : new Date(deadline)
  }
  get timeLimit(): number | undefined {
    const { message } = this.job
    return message && (message.timeLimit ?? this.#limits.timeLimit)
  }
  get softTimeLimit(): number | undefined {
    const { message } = this.job
    return message && (message.softTimeLimit ?? this.#limits.softTimeLimit)
  }
  get replyTo(): string | undefined {
    return this.job.message?.replyTo
  }
  get correlationId(): string | undefined {
    return this.job.properties?.correlationId ?? this.job.message?.id
  }
  get deliveryInfo(): DeliveryInfo | undefined {
    const { message, route, queue, redelivered } = this.job
    const { exchange, routingKey } = route ?? { exchange: '', routingKey: queue }
    return message && { exchange, routingKey, priority: message.priority, redelivered }
  }
  get properties(): Properties | undefined {
    return this.job.properties
  }
  get group(): string | undefined {
    return this.job.message?.group
  }
  get groupIndex(): number | undefined {
    return this.job.message?.groupIndex
  }
  get chord(): SignatureData | undefined {
    return this.job.message?.embed.chord ?? undefined
  }
  get chain(): readonly SignatureData[] {
    return this.job.message?.embed.chain ?? NO_ITEMS
  }
  get callbacks(): readonly SignatureData[] {
    return this.job.message?.embed.callbacks ?? NO_ITEMS
  }
  get errbacks(): readonly SignatureData[] {
    return this.job.message?.embed.errbacks ?? NO_ITEMS
  }
  get stampedHeaders(): readonly string[] {
    return this.job.message?.stampedHeaders ?? NO_ITEMS
  }
  get stamps(): Readonly<Record<string, unknown>> {
    return this.job.message?.stamps ?? NO_STAMPS
  }
  get origin(): string | undefined {
    return this.job.message?.origin
  }
  get shadow(): string | undefined {
    return this.job.message?.shadow
  }
  get ignoreResult(): boolean {
    return this.job.message?.ignoreResult ?? false
  }
  get replacedTaskNesting(): number {
    return this.job.message?.replacedTaskNesting ?? 0
  }
  get argsrepr(): string | undefined {
    return this.job.message?.argsrepr
  }
  get kwargsrepr(): string | undefined {
    return this.job.message?.kwargsrepr
  }
  get isEager(): boolean {
    return this.job.eager ?? false
  }
  get calledDirectly(): boolean {
    return this.job.message === undefined
  }
}

/** It was checked when the message was read. */
function moment(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(isoTime(text))
}
