import { hash } from 'node:crypto'
import type { SubmissionNote } from '../../backend/notes.ts'
import type { ParsedCallOptions } from '../../config/callOptions.ts'
import type { ParsedTaskOptions } from '../../config/parsedTaskOptions.ts'
import { needsRecord, type OnceRule, onceRuleOf, recordProblem } from '../../config/task/onceOptions.ts'
import { ArgumentError } from '../../std/errors.ts'
import type { Given } from '../../tasks/bind.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { keyOfCall } from './keyOfCall.ts'

/** A key of the call itself, that is remembered for a time of its own, ms. */
export interface KeptKeyRule {
  readonly option: 'idempotencyKey'
  readonly expires: number
}

/** What keeps a call from making a job where another one has its key. */
export interface Guard {
  readonly task: string
  readonly rule: OnceRule | KeptKeyRule
  readonly key: string
  /** Its key among the notes of the store. */
  readonly noteKey: string
  /** Of the call, ms since the epoch. */
  readonly now: number
  readonly options: ParsedTaskOptions | undefined
}

/** Facts of a call. */
interface GuardedCall extends Given {
  readonly task: string
  readonly definition: TaskDefinition | undefined
}

/** The guard of a call; undefined for most. Throws ArgumentError, and as `keyOfCall`. */
export function guardOf(
  call: GuardedCall,
  options: ParsedCallOptions,
  ignored: boolean,
  now: number,
): Guard | undefined {
  const { task, definition } = call
  const rule = definition && onceRuleOf(definition.options)
  const { idempotencyKey, idempotencyExpires } = options
  if (!rule && idempotencyExpires === undefined) return undefined
  if (!rule) {
    const kept: KeptKeyRule = { option: 'idempotencyKey', expires: idempotencyExpires as number }
    return guard(kept, task, idempotencyKey as string, now, definition?.options)
  }
  if (idempotencyExpires !== undefined)
    throw new ArgumentError(`task ${task}: idempotencyExpires and ${rule.option} exclude each other`)
  if (ignored && rule.option === 'unique' && needsRecord(rule))
    throw new ArgumentError(`task ${task}: ${recordProblem(rule)}`)
  refuseTimes(rule, options, task)
  const { option, key } = rule
  return guard(rule, task, keyOfCall({ option, definition, key }, call), now, definition.options)
}

/** The moment at which a job of this rule is due unless other calls come, ms from the call. */
export function waitOf(options: ParsedTaskOptions | undefined): number | undefined {
  return options?.debounce?.wait
}

/** The key of the note by which a key of a rule is known, in all processes. The task's name is part of it. */
export function onceNoteKey(option: Guard['rule']['option'], task: string, key: string): string {
  return `${option} ${hash('sha256', `${task}\0${key}`, 'base64url')}`
}

/** What the note of a key says: which job has it. */
export interface Holder {
  readonly id: string
  readonly queue: string
  /** Of a debounced job: when the first of its calls came, ms since the epoch. */
  readonly first?: number
  /** Of a throttled job: when its period begins, ms since the epoch. */
  readonly due?: number
  /** Of a throttled job: it is the one at the end of a period. */
  readonly last?: boolean
}

/** The note of a holder. */
export function holderNote(
  { noteKey }: Guard,
  holder: Holder,
  expires: number,
  expected: string | undefined,
): SubmissionNote {
  return { key: noteKey, value: JSON.stringify(holder), expires, expected }
}

/** The holder that a note names. */
export function holderOf(value: string): Holder {
  return JSON.parse(value) as Holder
}

function guard(
  rule: Guard['rule'],
  task: string,
  key: string,
  now: number,
  options: ParsedTaskOptions | undefined,
): Guard {
  return { task, rule, key, noteKey: onceNoteKey(rule.option, task, key), now, options }
}

function refuseTimes(rule: OnceRule, { eta, countdown }: ParsedCallOptions, task: string): void {
  const isTimed = rule.option === 'debounce' || (rule.option === 'throttle' && rule.keep === 'last')
  if (!isTimed || (eta === undefined && countdown === undefined)) return
  const name = eta === undefined ? 'countdown' : 'eta'
  throw new ArgumentError(
    `task ${task}: ${name} and ${rule.option} exclude each other: ${rule.option} decides when it runs`,
  )
}
