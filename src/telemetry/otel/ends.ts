import { type Context, context, type Span, SpanStatusCode } from '@opentelemetry/api'
import type { ErrorClass } from '../../config/retryOptions.ts'
import { errorInfo } from '../../protocol/exception.ts'
import type { ErrorInfo, Outcome } from '../../protocol/outcome.ts'
import { type Concealed, concealedError, HIDDEN } from '../../protocol/repr.ts'
import { Ignore, Reject, Retry, Snooze } from '../../std/errors.ts'
import { Replacement } from '../../tasks/jobContext.ts'

/** What a task throws to end its run in another way than by an error. */
const ENDS = [Retry, Snooze, Ignore, Reject, Replacement]

/** Longest text of a status. */
const MAX_STATUS = 500

/** Run in the span, and end it. `failed` notes what is thrown; default: as an error. */
export async function within<Result>(
  span: Span,
  around: Context,
  run: () => Promise<Result>,
  failed: (error: unknown) => void = (error) => noteError(span, error),
): Promise<Result> {
  try {
    return await context.with(around, run)
  } catch (error) {
    failed(error)
    throw error
  } finally {
    span.end()
  }
}

/**
 * Note what a run threw. An error that the task declares (`throws`) is an event, and no error of the span. `hides`: its
 * class alone is noted.
 */
export function endRun(span: Span, thrown: unknown, throws: readonly ErrorClass[], hides: boolean): void {
  const error = hides ? nameless(thrown) : thrown
  if (!ENDS.some((kind) => thrown instanceof kind)) {
    if (throws.some((kind) => thrown instanceof kind)) span.recordException(error as Error)
    else noteError(span, error)
    return
  }
  const { name, cause } = thrown as Error
  span.setAttribute('celeriac.end', name)
  if (cause instanceof Error) span.recordException(hides ? nameless(cause) : cause)
}

/** Note how a message ended; undefined: it is another worker's, or its lease will release it. */
export function endWith(span: Span, outcome: Outcome | undefined, what?: Concealed): void {
  span.setAttribute('celeriac.outcome', outcome?.kind ?? 'lost')
  if (outcome?.kind === 'failure' && !outcome.expected) noteFailure(span, concealedError(outcome.error, what))
  if (outcome?.kind === 'stopped' && outcome.by !== 'shutdown') {
    const { type, message } = concealedError(outcome.error, what)
    span.recordException({ name: type, message })
    if (outcome.by !== 'revoke') noteFailure(span, { type, message })
  }
}

/** An error of the same class, with neither message nor stack. */
function nameless(error: unknown): Error {
  const { type } = errorInfo(error)
  return Object.assign(new Error(HIDDEN), { name: type, stack: undefined })
}

function noteFailure(span: Span, { type, message }: Pick<ErrorInfo, 'type' | 'message'>): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR, message: message.slice(0, MAX_STATUS) })
}

function noteError(span: Span, error: unknown): void {
  const known = error instanceof Error ? error : new Error(String(error))
  span.recordException(known)
  noteFailure(span, { type: known.name, message: known.message })
}
