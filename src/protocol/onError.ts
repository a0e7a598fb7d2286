import { isRecord } from '../std/isRecord.ts'
import type { SignatureData } from './signature.ts'

/**
 * What becomes of a chord of which a member fails or is revoked. `'fail'`: it fails, when all members have ended.
 * `'cancel'`: it fails at once, and the other members are revoked. `'collect'`: the body gets the end of each member,
 * as `MemberEnd`. `'ignore'`: the body gets the results of those that have succeeded.
 */
export type OnError = 'fail' | 'cancel' | 'collect' | 'ignore'

export const ON_ERROR: readonly OnError[] = ['fail', 'cancel', 'collect', 'ignore']

/** Why a member has not succeeded. */
export interface MemberError {
  /** Name of the error, as `RangeError`; `TaskRevokedError` for a member that was revoked or has expired. */
  readonly type: string
  readonly message: string
  /** Id of the member. */
  readonly taskId: string
}

/** The end of a member, in the form of `Promise.allSettled`. */
export type MemberEnd<Value> =
  | { readonly status: 'fulfilled'; readonly value: Value }
  | { readonly status: 'rejected'; readonly reason: MemberError }

/**
 * Among the headers of the body of a chord, or of a group that something follows: how it is sent, since Celery passes
 * on headers as they are.
 */
const ON_ERROR_HEADER = 'celeriac_on_error'
/** Among the headers of a member: the same for this member. */
const MEMBER_HEADER = 'celeriac_member_on_error'
/** Among the headers of a body: the members that have their own, as a list of `OnErrorRun`. */
const MEMBERS_HEADER = 'celeriac_members_on_error'

/** What these options of a body, or of a group, say; undefined where they say nothing that is known here. */
export function onErrorOf(options: SignatureData['options']): OnError | undefined {
  return policyIn(options, ON_ERROR_HEADER)
}

/** The options with it; undefined: without. */
export function withOnError(options: SignatureData['options'], onError: OnError | undefined): SignatureData['options'] {
  return withHeader(options, ON_ERROR_HEADER, onError)
}

/** What the options of a member say of its own failure. */
export function memberOnErrorOf(options: SignatureData['options']): OnError | undefined {
  return policyIn(options, MEMBER_HEADER)
}

/** The header with which a member has its own. */
export function memberOnError(onError: OnError): Readonly<Record<string, OnError>> {
  return { [MEMBER_HEADER]: onError }
}

/** Members one after the other that have the same: the places of the first and the last of them, from 0. */
export type OnErrorRun = readonly [first: number, last: number, onError: OnError]

/** The runs of these members, each with its own `onError`, or without. */
export function onErrorRuns(members: readonly (OnError | undefined)[]): readonly OnErrorRun[] {
  const runs: OnErrorRun[] = []
  for (const [at, onError] of members.entries()) {
    if (onError === undefined) continue
    const before = runs.at(-1)
    if (before && before[1] === at - 1 && before[2] === onError) runs[runs.length - 1] = [before[0], at, onError]
    else runs.push([at, at, onError])
  }
  return runs
}

/** The options of a body with those of the members; they stay as they are where no member has its own. */
export function withMembersOnError(
  options: SignatureData['options'],
  runs: readonly OnErrorRun[],
): SignatureData['options'] {
  return runs.length === 0 ? options : withHeader(options, MEMBERS_HEADER, runs)
}

/** What a chord does about its members, as its body says. */
export class ChordOnError {
  /** Of each member that has none of its own. */
  readonly all: OnError
  readonly #runs: readonly OnErrorRun[]

  constructor({ options }: Pick<SignatureData, 'options'>) {
    this.all = onErrorOf(options) ?? 'fail'
    this.#runs = runsIn(options)
  }

  /** A member may fail without failing the chord: what Celery does not know. */
  get isLenient(): boolean {
    const all = [this.all, ...this.#runs.map(([, , onError]) => onError)]
    return all.includes('collect') || all.includes('ignore')
  }

  /** Of the member with this place in the header; one without a place has none of its own. */
  of(index: number | undefined): OnError {
    if (index === undefined || this.#runs.length === 0) return this.all
    return this.#runs.find(([first, last]) => first <= index && index <= last)?.[2] ?? this.all
  }

  /** The body gets the end of this member, and not its result alone. */
  collects(index: number | undefined): boolean {
    return this.all === 'collect' || this.of(index) === 'collect'
  }
}

/** A body without it, as it is sent: it speaks of the chord, and not of its first task. */
export function plainBody(body: SignatureData): SignatureData {
  return { ...body, options: withHeader(withOnError(body.options, undefined), MEMBERS_HEADER, undefined) }
}

/** The options of a body, with what another body says of the members of its chord. */
export function withOnErrorOf(options: SignatureData['options'], body: SignatureData): SignatureData['options'] {
  return withMembersOnError(withOnError(options, onErrorOf(body.options)), runsIn(body.options))
}

/** What is no run is left out: the header may come from another program. */
function runsIn({ headers }: SignatureData['options']): readonly OnErrorRun[] {
  const runs = isRecord(headers) ? headers[MEMBERS_HEADER] : undefined
  return Array.isArray(runs) ? runs.filter(isRun) : []
}

function isRun(run: unknown): run is OnErrorRun {
  if (!Array.isArray(run)) return false
  const [first, last, onError] = run
  return Number.isSafeInteger(first) && Number.isSafeInteger(last) && ON_ERROR.includes(onError)
}

function policyIn({ headers }: SignatureData['options'], name: string): OnError | undefined {
  const value = isRecord(headers) ? headers[name] : undefined
  return ON_ERROR.find((one) => one === value)
}

/** The options with this header; undefined: without. */
function withHeader(options: SignatureData['options'], name: string, value: unknown): SignatureData['options'] {
  const { headers, ...rest } = options
  const { [name]: known, ...others } = isRecord(headers) ? headers : {}
  if (value === undefined && known === undefined) return options
  const own = value === undefined ? others : { ...others, [name]: value }
  return Object.keys(own).length === 0 ? rest : { ...rest, headers: own }
}
