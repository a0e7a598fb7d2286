import type { OpenChord } from '../backend/chords.ts'
import type { Prepared } from '../calls/prepareCall.ts'
import { withCallback } from './chordParts.ts'
import { normalForm } from './normalForm.ts'
import { endId } from './outline.ts'
import { type CanvasApp, type Predecessor, type SignatureCall, SignaturePreparer } from './prepareSignature.ts'
import { withArgs } from './signatureEnd.ts'
import { unfold } from './unfold.ts'

/** What the call of a signature sends at once; the rest follows from the ends of these. */
export interface Expansion {
  /** Id of its result: of the task; of the last step of a chain; of the body of a chord; of a group. */
  readonly id: string
  readonly sends: readonly Prepared[]
  readonly opens: readonly OpenChord[]
}

/**
 * Expand the call of a signature, as Celery's `apply_async` does: a task, or a workflow of any nesting. Throws
 * NotSupportedError for an unknown kind of workflow, ArgumentError, EncodeError or DecodeError for a call that cannot
 * be sent.
 */
export function expand(
  { signature, args, id, chain, flow }: SignatureCall,
  before: Predecessor,
  app: CanvasApp,
  now: number,
): Expansion {
  const called = chain ? { ...signature, options: { ...signature.options, chain } } : signature
  const normal = normalForm(withArgs(called, args), id, flow)
  const { calls, opens } = unfold(normal)
  const preparer = new SignaturePreparer(before, app, now)
  return {
    id: endId(normal),
    sends: calls.map((call) => preparer.prepare(call)),
    opens: opens.map((open) => (open.held ? withCallback(open, before) : open)),
  }
}
