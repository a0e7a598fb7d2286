import type { App } from '../app/app.ts'
import type { OpenChord } from '../backend/chords.ts'
import type { Prepared } from '../calls/prepareCall.ts'
import { type Predecessor, prepareSignature, type SignatureCall } from './prepareSignature.ts'

/** What the call of a signature sends at once; the rest follows from the ends of these. */
export interface Expansion {
  /** Id of its result: of the task; of the last step of a chain; of the body of a chord; of a group. */
  readonly id: string
  readonly sends: readonly Prepared[]
  readonly opens: readonly OpenChord[]
}

/**
 * Expand the call of a signature, as Celery's `apply_async` does. Throws NotSupportedError for a canvas, ArgumentError,
 * EncodeError or DecodeError for a call that cannot be sent.
 */
export function expand(
  call: SignatureCall,
  before: Predecessor,
  app: Pick<App, 'config' | 'tasks'>,
  now: number,
): Expansion {
  const prepared = prepareSignature(call, before, app, now)
  return { id: prepared.id, sends: [prepared], opens: [] }
}
