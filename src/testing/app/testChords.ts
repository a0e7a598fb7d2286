import { AsyncLocalStorage } from 'node:async_hooks'
import type { ChordStore, ChordWrites, CompleteChord, PartSlice } from '../../backend/chords.ts'
import type { Gate } from './gate.ts'
import { processHere } from './testProcess.ts'

/**
 * Chords in memory that every call reaches through the gate. One process of the app runs at a time: what the one before
 * left complete, the next one finds when it starts.
 */
export class TestChords implements ChordStore {
  readonly shared = false
  readonly writes: ChordWrites
  readonly #chords: ChordStore
  readonly #guarded: ChordStore

  constructor(chords: ChordStore, gate: Gate) {
    this.#chords = chords
    this.#guarded = gate.guard(chords)
    this.writes = gate.guard(chords.writes)
  }

  /** The listener belongs to the process that adds it, and ends with it. */
  onComplete(listener: (chord: CompleteChord) => void): () => void {
    const unlisten = this.#chords.onComplete(AsyncLocalStorage.bind(listener))
    processHere()?.onDeath(unlisten)
    return unlisten
  }

  complete(before: number, limit: number): Promise<readonly CompleteChord[]> {
    return this.#guarded.complete(before, limit)
  }

  parts(group: string, from: number): Promise<PartSlice> {
    return this.#guarded.parts(group, from)
  }

  progress(group: string): Promise<{ readonly done: number; readonly size: number } | undefined> {
    return this.#guarded.progress(group)
  }
}
