import type { Signals } from '../app/signals.ts'
import type { ChordStore, CompleteChord, PartSlice } from '../backend/chords.ts'
import type { Writing } from '../backend/unitOfWork.ts'
import { pauseForStore } from '../broker/storeBackoff.ts'
import { faultOf } from '../broker/storeErrors.ts'
import { requirePayloads } from '../calls/stores.ts'
import {
  bodyIdOf,
  bodyWriting,
  errorOfChord,
  failureWriting,
  Gathered,
  type Joiner,
  type ReadChord,
  readChord,
} from '../canvas/chordEnd.ts'
import { revokeRequest } from '../protocol/control.ts'
import { encodeException, errorInfo } from '../protocol/exception.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import { isReference } from '../protocol/result.ts'
import { FAILURE, isFinal, REVOKED } from '../protocol/states.ts'
import { CodecError } from '../std/errors.ts'
import type { Service } from '../std/service.ts'
import type { WorkerState } from './state.ts'
import type { SettlerParts } from './task/settler.ts'

/** How often a worker looks for complete chords whose joiner died, and how long these were complete before, ms. */
const SWEEP_INTERVAL_MS = 10_000
const ABANDONED_MS = 10_000
/** Chords that one look takes. */
const MAX_SWEPT = 100

/** What joining needs of the worker. */
export interface ChordJoinerParts extends SettlerParts {
  readonly joiner: Joiner
  readonly state: Pick<WorkerState, 'hold'>
}

/**
 * Sends the bodies of complete chords: of those that this process completes, at once; of those that another one left,
 * after some seconds. Body and end of the chord are one write, so that the body is sent once, whichever workers try.
 */
export class ChordJoiner implements Service {
  readonly #parts: ChordJoinerParts
  readonly #chords: ChordStore
  /** Chords that are being joined here. */
  readonly #joining = new Set<string>()
  #unlisten: (() => void) | undefined
  #cancel: (() => void) | undefined

  constructor(chords: ChordStore, parts: ChordJoinerParts) {
    this.#chords = chords
    this.#parts = parts
  }

  async start(): Promise<void> {
    if (this.#unlisten) return
    this.#unlisten = this.#chords.onComplete((chord) => this.#begin(chord, false))
    if (this.#chords.shared) this.#sweepLater()
    // Of this process: those that were completed while nothing listened.
    else await this.#sweep(this.#parts.app.config.clock.now() + 1)
  }

  async stop(): Promise<void> {
    this.#unlisten?.()
    this.#cancel?.()
    this.#unlisten = undefined
  }

  #sweepLater(): void {
    const sweep = (): void => this.#parts.state.hold(this.#sweepOn())
    this.#cancel = this.#parts.app.config.clock.after(SWEEP_INTERVAL_MS, sweep, true)
  }

  async #sweepOn(): Promise<void> {
    await this.#sweep(this.#parts.app.config.clock.now() - ABANDONED_MS)
    if (this.#unlisten) this.#sweepLater()
  }

  /** Join what was complete before this moment, ms since the epoch. Never rejects. */
  async #sweep(before: number): Promise<void> {
    try {
      const left = await this.#chords.complete(before, MAX_SWEPT)
      if (!this.#unlisten) return
      for (const chord of left) this.#begin(chord, true)
    } catch (error) {
      this.#tell(error)
    }
  }

  /** `isLeft`: by another worker, which may be one of Celery's. */
  #begin(chord: CompleteChord, isLeft: boolean): void {
    const { group } = chord
    if (this.#joining.has(group)) return
    this.#joining.add(group)
    this.#parts.state.hold(this.#join(chord, isLeft).finally(() => this.#joining.delete(group)))
  }

  /** Never rejects. What is not written because the worker must stop at once, another worker finds. */
  async #join(chord: CompleteChord, isLeft: boolean): Promise<void> {
    const { app, stopNow } = this.#parts
    for (let round = 0; !stopNow.aborted; round++) {
      try {
        const read = this.#read(chord)
        return await (read ? this.#write(read, isLeft) : this.#close(chord.group))
      } catch (error) {
        this.#tell(error)
        // A worker that has its key finds it.
        if (error instanceof CodecError) return
        await pauseForStore(round, app.config.clock, stopNow)
      }
    }
  }

  /** Undefined for one whose callback cannot be read: it names no body, so that it can only be dropped. */
  #read(chord: CompleteChord): ReadChord | undefined {
    try {
      return readChord(chord)
    } catch (problem) {
      if (problem instanceof CodecError || faultOf(problem) !== 'message') throw problem
      this.#tell(problem)
      return undefined
    }
  }

  async #write(chord: ReadChord, isLeft: boolean): Promise<void> {
    const { group } = chord
    try {
      const { count, results, error, cancels } = await this.#gather(chord)
      // It was closed meanwhile; or nothing of it is left.
      if (count === 0) return await this.#close(group)
      if (error && (await this.#isOver(chord, isLeft))) return await this.#close(group)
      // Before it is closed: if this worker dies in between, another one finds the chord, and does both.
      if (cancels) await this.#revoke(group)
      if (error) return await this.#endFailed(chord, error)
      if (await this.#attempt(this.#body(chord, results))) this.#emit('chord:success', { group, id: bodyIdOf(chord) })
    } catch (problem) {
      if (problem instanceof CodecError || faultOf(problem) !== 'message') throw problem
      this.#tell(problem)
      await this.#fail(chord, errorOfChord(`the body cannot be sent: ${errorInfo(problem).message}`))
    }
  }

  /** The parts in the order of the header. */
  async #gather(chord: ReadChord): Promise<Gathered> {
    const gathered = new Gathered(chord)
    for (let from: number | undefined = 0; from !== undefined; ) {
      const slice: PartSlice = await this.#chords.parts(chord.group, from)
      for (const part of slice.parts) gathered.add(isReference(part.result) ? await this.#whole(part) : part)
      from = slice.next
    }
    return gathered
  }

  /** Its result is in the payload store. One that a codec sealed, and that was changed, has failed. */
  async #whole(part: PartSlice['parts'][number]): Promise<PartSlice['parts'][number]> {
    try {
      return { ...part, result: await requirePayloads(this.#parts.stores).reader.result(part.taskId, part.result) }
    } catch (problem) {
      if (!(problem instanceof CodecError) || problem.code === 'NO_KEY') throw problem
      return { ...part, state: FAILURE, result: encodeException(errorInfo(problem)) }
    }
  }

  /** Those members that have not ended: a worker knows them by the id of their group. */
  async #revoke(group: string): Promise<void> {
    const { backend, broker } = this.#parts.stores
    await backend.revoked.add([group])
    const { envelope, route } = revokeRequest(group, true)
    await broker.publish(envelope, route)
  }

  #body(chord: ReadChord, results: readonly unknown[]): Writing {
    return bodyWriting(chord, results, this.#parts.joiner)
  }

  #failure(chord: ReadChord, error: ErrorInfo): Writing {
    return failureWriting(chord, error, this.#parts.joiner)
  }

  /** Its body ends as failed; a chord whose failure cannot be written either can only be dropped. */
  async #fail(chord: ReadChord, error: ErrorInfo): Promise<void> {
    try {
      await this.#endFailed(chord, error)
    } catch (problem) {
      if (faultOf(problem) !== 'message') throw problem
      this.#tell(problem)
      await this.#close(chord.group)
    }
  }

  async #close(group: string): Promise<void> {
    await this.#attempt({ closes: group })
  }

  async #endFailed(chord: ReadChord, error: ErrorInfo): Promise<void> {
    const id = bodyIdOf(chord)
    if (!(await this.#attempt(this.#failure(chord, error)))) return
    const { codec } = this.#parts.app.config
    this.#emit('chord:failure', { group: chord.group, id, error, ...(codec && { concealed: 'all' as const }) })
  }

  /** False if it was closed before. */
  #attempt(writing: Writing): Promise<boolean> {
    return this.#parts.stores.unitOfWork.write(writing)
  }

  /** Its body was revoked, with all of the workflow; or a worker of Celery's has ended it and left its parts. */
  async #isOver(chord: ReadChord, isLeft: boolean): Promise<boolean> {
    const [body] = await this.#parts.stores.backend.load([bodyIdOf(chord)])
    return body !== undefined && (body.status === REVOKED || (isLeft && isFinal(body.status)))
  }

  #emit<Name extends 'chord:success' | 'chord:failure'>(name: Name, event: Signals[Name]): void {
    this.#parts.app.signals.emit(name, event)
  }

  #tell(error: unknown): void {
    this.#parts.app.signals.emit('worker:error', { error, doing: 'joining a chord' })
  }
}
