import { type Prepared, preparedOf } from '../calls/prepareCall.ts'
import { LikeEncoder } from '../protocol/message.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { type CanvasApp, type Predecessor, prepareSignature } from './prepareSignature.ts'

/** A call, and what those that are like it share with it. */
interface First {
  readonly call: SignatureData
  readonly prepared: Prepared
  readonly encoder: LikeEncoder
}

/**
 * Prepares calls of one moment, as `prepareSignature` does. Of a call that differs from an earlier one in id, arguments
 * and place in its group alone, only these are read and encoded: so are most members of groups.
 */
export class SignaturePreparer {
  readonly #before: Predecessor
  readonly #app: CanvasApp
  readonly #now: number
  #first: First | undefined

  /** `now`: ms since the epoch. */
  constructor(before: Predecessor, app: CanvasApp, now: number) {
    this.#before = before
    this.#app = app
    this.#now = now
  }

  /** Throws as `prepareSignature`. */
  prepare(call: SignatureData): Prepared {
    const first = this.#first
    if (first && isLike(call, first.call)) return this.#prepareLike(call, first)
    const prepared = prepareSignature(call, this.#before, this.#app, this.#now)
    const encoder = new LikeEncoder(prepared.message, prepared.submission.message.envelope, this.#app.config.typedJson)
    this.#first = { call, prepared, encoder }
    return prepared
  }

  #prepareLike({ args, kwargs, options }: SignatureData, { prepared, encoder }: First): Prepared {
    const { message: first, submission } = prepared
    const own = { id: options.task_id as string, groupIndex: options.group_index as number }
    const message = { ...first, ...own, args, kwargs }
    return preparedOf(message, encoder.encode(message), submission.message.route, this.#now, {
      metadata: submission.metadata,
    })
  }
}

function isLike({ task, options }: SignatureData, first: SignatureData): boolean {
  const names = Object.keys(options)
  return (
    task === first.task &&
    typeof options.task_id === 'string' &&
    typeof options.group_index === 'number' &&
    names.length === Object.keys(first.options).length &&
    names.every((name) => name === 'task_id' || name === 'group_index' || options[name] === first.options[name])
  )
}
