import { chainData, chordData, groupData } from '../protocol/canvas.ts'
import { type MemberEnd, type OnError, withOnError } from '../protocol/onError.ts'
import { refuseShared } from '../protocol/sharedCalls.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { signatureText } from '../protocol/signatureText.ts'
import { stampsIn, withStamps } from '../protocol/stamps.ts'
import { ArgumentError } from '../std/errors.ts'
import { shown } from '../std/validate.ts'
import { AsyncResult, Submission } from './asyncResult.ts'
import type { GroupResult } from './groupResult.ts'
import {
  bodyOnError,
  type HeaderOptions,
  parseOnError,
  type SignatureOptions,
  type WorkflowOptions,
  wireOptions,
} from './workflowOptions.ts'
import type {
  AnyWorkflow,
  BodyList,
  GroupMembers,
  GroupResults,
  ResultList,
  StepHandle,
  StepReady,
  StepResult,
  StepTakes,
  WorkflowTypes,
} from './workflowTypes.ts'

/** Sends the workflows of one app. */
export interface WorkflowSender {
  /**
   * Check all of it, then send what runs first. Throws ArgumentError, EncodeError; rejects with NotSupportedError,
   * StoreUnavailableError. `names`: of the members of a group, for its result.
   */
  sendWorkflow(
    data: SignatureData,
    args: readonly unknown[],
    options: WorkflowOptions,
    names: readonly string[] | undefined,
  ): Submission<unknown>
}

/** The missing first argument of a call; nothing where none is missing. */
export type FirstArgument<Takes, Ready extends boolean> = Ready extends true ? [] : [first: Takes]

/** What `delay` returns: a promise of the handle. */
export type Sent<Handle> =
  Handle extends AsyncResult<infer Result, infer Progress, infer Chunk>
    ? Submission<Result, Progress, Chunk>
    : Promise<Handle>

/** Shown by the compiler for a step that cannot have this place. */
export interface CannotFollow<Got, Takes> {
  readonly 'this does not take what comes before it': { readonly got: Got; readonly takes: Takes }
}

/** The step, if it takes this result; else a type that no step has. */
export type Following<Result, Step> = [Result] extends [StepTakes<Step>] ? Step : CannotFollow<Result, StepTakes<Step>>

/** Steps, of which each takes the result of the one before it. */
export type ChainSteps<
  Steps extends readonly unknown[],
  Before = undefined,
  Checked extends readonly unknown[] = [],
> = Steps extends readonly [infer Step, ...infer Rest]
  ? ChainSteps<Rest, Step, [...Checked, Before extends undefined ? Step : Following<StepResult<Before>, Step>]>
  : number extends Steps['length']
    ? [...Checked, ...Following<StepResult<Steps[number]>, Steps[number]>[]]
    : Checked

type FirstOf<Steps extends readonly unknown[]> = Steps[0]
type LastOf<Steps extends readonly unknown[]> = Steps extends readonly [...unknown[], infer Last] ? Last : Steps[number]

/** What every one of these takes. */
type TakesOfAll<Step> = (Step extends unknown ? (value: (value: StepTakes<Step>) => void) => void : never) extends (
  value: infer Takers,
) => void
  ? Takers extends (value: infer Takes) => void
    ? Takes
    : never
  : never
type MembersTake<Members> = TakesOfAll<Members[keyof Members & (Members extends readonly unknown[] ? number : unknown)]>
type MembersReady<Members> =
  false extends StepReady<Members[keyof Members & (Members extends readonly unknown[] ? number : unknown)]>
    ? false
    : true

/**
 * A call, or several of them, that can be kept, passed on and sent: immutable, and plain data in `JSON.stringify`.
 * `Result` is what it results in, `Takes` what it takes as first argument from a step before it.
 */
export abstract class Workflow<Result, Takes, Ready extends boolean, Handle> {
  static {
    const value = function (this: AnyWorkflow): string {
      return signatureText(this.toJSON())
    }
    // What `console.log` shows. Computed names of members cannot be in a declaration.
    Object.defineProperty(Workflow.prototype, Symbol.for('nodejs.util.inspect.custom'), { value })
  }

  declare readonly '~types'?: WorkflowTypes<Result, Takes, Ready, Handle>
  protected readonly data: SignatureData
  /** Of the app whose tasks these are; undefined where there are none. */
  protected readonly sender: WorkflowSender | undefined
  /** Of the members of a group that was made of an object. */
  protected readonly names: readonly string[] | undefined

  constructor(data: SignatureData, sender: WorkflowSender | undefined, names?: readonly string[]) {
    this.data = data
    this.sender = sender
    this.names = names
  }

  /** As it is sent: a task call as data, in Celery's form. */
  toJSON(): SignatureData {
    return this.data
  }

  /** Send it. All of it is checked before anything is sent. Throws and rejects as `applyAsync`. */
  delay(...first: FirstArgument<Takes, Ready>): Sent<Handle> {
    return this.#send(first, {})
  }

  /**
   * Send it with options. Throws ArgumentError and EncodeError, with the path of the member that cannot be sent;
   * rejects with NotSupportedError where the stores cannot join a chord, ValidationError for arguments that do not fit,
   * StoreUnavailableError.
   */
  applyAsync(first: FirstArgument<Takes, Ready>, options: WorkflowOptions = {}): Sent<Handle> {
    return this.#send(first, options)
  }

  /** This, then another, which gets its result: `chain(this, next)`, to be read from left to right. */
  pipe<Next extends AnyWorkflow>(
    next: Next & Following<Result, Next>,
  ): Chain<StepResult<Next>, Takes, Ready, StepHandle<Next>> {
    return chainOf([this, next]) as never
  }

  /** A copy with other data. */
  protected with(options: SignatureData['options']): this {
    const { data, sender, names } = this
    const make = this.constructor as new (...args: ConstructorParameters<typeof Workflow>) => this
    return new make({ ...data, options: { ...data.options, ...options } }, sender, names)
  }

  #send(first: readonly unknown[], options: WorkflowOptions): Sent<Handle> {
    const { data, sender, names } = this
    if (!sender)
      throw new ArgumentError(`${data.task}: expected at least one task, got none: it has no app to be sent by`)
    return sender.sendWorkflow(data, first, options, names) as Sent<Handle>
  }
}

/** A workflow with an end of its own, which can be linked to: all but groups. */
abstract class Linkable<Result, Takes, Ready extends boolean, Handle> extends Workflow<Result, Takes, Ready, Handle> {
  /** A copy that calls this with the result, when it has succeeded. */
  link<Callback extends AnyWorkflow>(callback: Callback & Following<Result, Callback>): this {
    return this.with({ link: [...listOf(this.data.options.link), linkOf(callback, this.sender)] })
  }

  /** A copy that calls this with the id of the failed task, when one has failed. */
  linkError<Errback extends AnyWorkflow>(errback: Errback & Following<string, Errback>): this {
    return this.with({ link_error: [...listOf(this.data.options.link_error), linkOf(errback, this.sender)] })
  }
}

/** The call of one task: `task.s(…)`, `task.si(…)`, `app.signature(…)`. */
export class Signature<
  Result = unknown,
  Takes = never,
  Ready extends boolean = true,
  Handle = AsyncResult<Result>,
> extends Linkable<Result, Takes, Ready, Handle> {
  /**
   * This, once all of these have succeeded: a chord whose body does not take their results. Throws ArgumentError where
   * one call is in two of them, as it would run twice, and as `chain`.
   */
  after<const Before extends readonly [AnyWorkflow, ...AnyWorkflow[]]>(
    this: Signature<Result, Takes, true, Handle>,
    ...before: Before
  ): Chord<Result, MembersTake<Before>, MembersReady<Before>, Handle> {
    const where = `${this.data.task}: after`
    refuseShared(datasOf(before, where), where)
    const body = new Signature<Result>({ ...this.data, immutable: true }, this.sender)
    return chord(before as readonly AnyWorkflow[], body as never) as never
  }

  /** A copy with these options, over those that it has. Throws ArgumentError. */
  set(options: SignatureOptions & { readonly onError: 'collect' }): Signature<MemberEnd<Result>, Takes, Ready, Handle>
  set(options: SignatureOptions & { readonly onError: 'ignore' }): this & { readonly '~optional'?: true }
  set(options: SignatureOptions): this
  set(options: SignatureOptions): unknown {
    const { stamps, ...others } = options
    const { headers, ...wire } = wireOptions(others, `signature of ${this.data.task}`)
    const own = this.data.options
    const changed = headers === undefined ? wire : { ...wire, headers: { ...(own.headers as object), ...headers } }
    if (stamps === undefined) return this.with(changed)
    const given = withStamps(wireOptions({ stamps }, `signature of ${this.data.task}`), stampsIn(own))
    const all = { ...(own.headers as object), ...headers, ...(given.headers as object) }
    return this.with({ ...changed, ...given, headers: all })
  }
}

/** One after the other: see `chain`. */
export class Chain<Result, Takes, Ready extends boolean, Handle> extends Linkable<Result, Takes, Ready, Handle> {}

/** A body that follows from a group: see `chord`. */
export class Chord<Result, Takes, Ready extends boolean, Handle> extends Linkable<Result, Takes, Ready, Handle> {}

/** All at once: see `group`. `Results` is what `join` returns. */
export class Group<Results, Takes, Ready extends boolean, List = Results> extends Workflow<
  List,
  Takes,
  Ready,
  GroupResult<Results>
> {
  declare readonly '~group'?: true

  /** A copy that calls this with the id of each member that has failed. */
  linkError<Errback extends AnyWorkflow>(errback: Errback & Following<string, Errback>): this {
    return this.with({ link_error: [...listOf(this.data.options.link_error), linkOf(errback, this.sender)] })
  }
}

/**
 * One after the other: each step gets the result of the one before it as its first argument, unless it is immutable. A
 * step may be any workflow; a group with something after it is the header of a chord. Throws ArgumentError for tasks of
 * several apps.
 */
export function chain<const Steps extends readonly [AnyWorkflow, ...AnyWorkflow[]]>(
  ...steps: Steps & ChainSteps<Steps>
): Chain<StepResult<LastOf<Steps>>, StepTakes<FirstOf<Steps>>, StepReady<FirstOf<Steps>>, StepHandle<LastOf<Steps>>> {
  return chainOf(steps) as never
}

/**
 * All at once. The results have the form of the members: an array, a tuple, or an object. `options` are for what
 * follows it, as those of `chord`. Throws as `chain`.
 */
export function group<const Members extends GroupMembers, Policy extends OnError = 'fail'>(
  members: Members,
  options: HeaderOptions<Policy> = {},
): Group<GroupResults<Members>, MembersTake<Members>, MembersReady<Members>, BodyList<ResultList<Members>, Policy>> {
  if (members instanceof Workflow || typeof members !== 'object' || members === null)
    throw new ArgumentError(`group: expected a list or an object of signatures, got ${describeMember(members)}`)
  const onError = parseOnError(options, 'group')
  const names = Array.isArray(members) ? undefined : Object.keys(members)
  const list: readonly AnyWorkflow[] = Array.isArray(members) ? members : Object.values(members)
  const inner = names?.find((_, at) => list[at] instanceof Group)
  if (inner !== undefined)
    throw new ArgumentError(`group: ${inner}: expected no group in a group with names, got one: its members have none`)
  const data = groupData(datasOf(list, 'group', names), withOnError({}, onError))
  return new Group(data, senderOf(list, 'group', names), names)
}

/**
 * A header of members, all at once, then the body, once, with the list of their results in the order of the header. It
 * does not run if one of them failed: the handle of the body then has a ChordError; `onError` says otherwise. Throws as
 * `chain`.
 */
export function chord<
  const Members extends readonly AnyWorkflow[],
  Body extends AnyWorkflow,
  Policy extends OnError = 'fail',
>(
  header: Members,
  body: Body & Following<BodyList<ResultList<Members>, Policy>, Body>,
  options?: HeaderOptions<Policy>,
): Chord<StepResult<Body>, MembersTake<Members>, MembersReady<Members>, StepHandle<Body>>
export function chord<
  Results,
  Takes,
  Ready extends boolean,
  List,
  Body extends AnyWorkflow,
  Policy extends OnError = 'fail',
>(
  header: Group<Results, Takes, Ready, List>,
  body: Body & Following<BodyList<List, Policy>, Body>,
  options?: HeaderOptions<Policy>,
): Chord<StepResult<Body>, Takes, Ready, StepHandle<Body>>
export function chord(
  header: readonly AnyWorkflow[] | AnyWorkflow,
  body: AnyWorkflow,
  options: HeaderOptions = {},
): unknown {
  const onError = parseOnError(options, 'chord')
  const data = Array.isArray(header) ? datasOf(header, 'chord: header') : dataOf(header, 'chord: header')
  const end = dataOf(body, 'chord: body')
  const members = Array.isArray(header) ? header : [header]
  return new Chord(chordData(data, bodyOnError(data, end, onError)), senderOf([...members, body], 'chord'))
}

function chainOf(steps: readonly AnyWorkflow[]): AnyWorkflow {
  return new Chain(chainData(datasOf(steps, 'chain')), senderOf(steps, 'chain'))
}

function datasOf(members: readonly AnyWorkflow[], where: string, names?: readonly string[]): readonly SignatureData[] {
  // Array.from: a hole of the list is a member, too.
  return Array.from(members, (member, index) => dataOf(member, pathOf(where, index, names)))
}

function dataOf(member: unknown, where: string): SignatureData {
  if (member instanceof Workflow) return member.toJSON()
  throw new ArgumentError(`${where}: expected a signature, as task.s(…), got ${describeMember(member)}`)
}

function pathOf(where: string, index: number, names: readonly string[] | undefined): string {
  return names ? `${where}.${names[index]}` : `${where}[${index}]`
}

/** What was given instead of a signature, for a message. */
function describeMember(value: unknown): string {
  if (value instanceof Workflow) return `a workflow itself: ${value.toJSON().task}`
  if (value instanceof Submission || value instanceof AsyncResult)
    return 'a call that is sent already: use task.s(…) instead of task.delay(…)'
  if (value instanceof Promise) return 'a promise'
  if (typeof value !== 'function') return shown(value)
  return 's' in value ? `the task ${value.name} itself: write its arguments, as ${value.name}.s(…)` : 'a function'
}

/** The one sender of all these. */
function senderOf(
  members: readonly AnyWorkflow[],
  where: string,
  names?: readonly string[],
): WorkflowSender | undefined {
  let found: WorkflowSender | undefined
  for (const [index, member] of members.entries()) {
    const { sender } = member as unknown as { sender: WorkflowSender | undefined }
    if (found && sender && sender !== found)
      throw new ArgumentError(
        `${pathOf(where, index, names)}: expected a task of the app of those before it, got one of another app`,
      )
    found ??= sender
  }
  return found
}

function linkOf(link: AnyWorkflow, sender: WorkflowSender | undefined): SignatureData {
  const data = dataOf(link, 'link')
  const { sender: other } = link as unknown as { sender: WorkflowSender | undefined }
  if (sender && other && other !== sender)
    throw new ArgumentError('link: expected a task of the same app, got one of another app')
  return data
}

function listOf(links: unknown): readonly unknown[] {
  if (links === undefined || links === null) return []
  return Array.isArray(links) ? links : [links]
}
