import type { CompleteChord } from './chords.ts'

type Listener = (chord: CompleteChord) => void

/** The listeners of `ChordStore.onComplete`: each chord goes to one of them, in turn. */
export class ChordListeners {
  readonly #listeners: Listener[] = []

  /** Returns what removes it. */
  add(listener: Listener): () => void {
    // The same function may be added twice.
    const own: Listener = (chord) => listener(chord)
    this.#listeners.push(own)
    return () => {
      const at = this.#listeners.indexOf(own)
      if (at !== -1) this.#listeners.splice(at, 1)
    }
  }

  notify(chord: CompleteChord): void {
    const listener = this.#listeners.shift()
    if (!listener) return
    this.#listeners.push(listener)
    listener(chord)
  }
}
