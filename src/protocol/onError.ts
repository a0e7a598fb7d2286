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

/** What these options of a body, or of a group, say; undefined where they say nothing that is known here. */
export function onErrorOf({ headers }: SignatureData['options']): OnError | undefined {
  const value = isRecord(headers) ? headers[ON_ERROR_HEADER] : undefined
  return ON_ERROR.find((one) => one === value)
}

/** The options with it; undefined: without. */
export function withOnError(options: SignatureData['options'], onError: OnError | undefined): SignatureData['options'] {
  const { headers, ...rest } = options
  if (onError === undefined && onErrorOf(options) === undefined) return options
  const { [ON_ERROR_HEADER]: _, ...others } = isRecord(headers) ? headers : {}
  const own = onError === undefined ? others : { ...others, [ON_ERROR_HEADER]: onError }
  return Object.keys(own).length === 0 ? rest : { ...rest, headers: own }
}

/** A body without it, as it is sent: it speaks of the chord, and not of its first task. */
export function plainBody(body: SignatureData): SignatureData {
  return { ...body, options: withOnError(body.options, undefined) }
}
