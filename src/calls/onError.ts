import { type MemberEnd, ON_ERROR, type OnError, onErrorOf, withOnError } from '../protocol/onError.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { ArgumentError } from '../std/errors.ts'
import { refuseUnknown, shown } from '../std/validate.ts'

/** Options of a header: of `chord`, or of a `group` that something follows. */
export interface HeaderOptions<Policy extends OnError = OnError> {
  /** What becomes of it if a member fails or is revoked. Default `'fail'`, as with Celery. */
  readonly onError?: Policy | undefined
}

/** What the body gets of a header whose results are `List`. */
export type BodyList<List, Policy extends OnError> = Policy extends 'collect'
  ? { [Key in keyof List]: MemberEnd<List[Key]> }
  : Policy extends 'ignore'
    ? (List extends readonly (infer Item)[] ? Item : never)[]
    : List

const HEADER_OPTIONS: ReadonlySet<string> = new Set<keyof HeaderOptions>(['onError'])

/** Check the options of a header. Throws ArgumentError. */
export function parseOnError(options: HeaderOptions, where: string): OnError | undefined {
  refuseUnknown(options, HEADER_OPTIONS, where)
  const { onError } = options
  if (onError === undefined || ON_ERROR.includes(onError)) return onError
  throw new ArgumentError(`${where}: onError: expected one of ${ON_ERROR.join(', ')}, got ${shown(onError)}`)
}

/** The body of a chord with these options. Throws ArgumentError where header and body say it twice. */
export function bodyOnError(
  header: SignatureData | readonly SignatureData[],
  body: SignatureData,
  onError: OnError | undefined,
): SignatureData {
  if (onError === undefined) return body
  if ('options' in header && onErrorOf(header.options) !== undefined)
    throw new ArgumentError('chord: onError: expected it once, got one of the group, too')
  return { ...body, options: withOnError(body.options, onError) }
}
