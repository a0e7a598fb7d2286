import type { Note, NoteStore } from '../../backend/notes.ts'
import type { Clock } from '../../std/clock.ts'

/** Fewer notes are not swept. */
const MIN_SWEEP_SIZE = 1024

/** Notes in this process's memory. */
export class MemoryNotes implements NoteStore {
  readonly #clock: Clock
  readonly #notes = new Map<string, Note>()
  /** So many notes are swept. */
  #sweepSize = MIN_SWEEP_SIZE

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async get(key: string): Promise<string | undefined> {
    return this.#known(key)
  }

  async put(note: Note): Promise<void> {
    this.#set(note)
  }

  async replace(note: Note, expected: string): Promise<boolean> {
    if (this.#known(note.key) !== expected) return false
    this.#set(note)
    return true
  }

  async putIfAbsent(note: Note): Promise<boolean> {
    if (this.#known(note.key) !== undefined) return false
    this.#set(note)
    return true
  }

  #known(key: string): string | undefined {
    const note = this.#notes.get(key)
    return note && note.expires > this.#clock.now() ? note.value : undefined
  }

  #set(note: Note): void {
    this.#notes.set(note.key, note)
    if (this.#notes.size >= this.#sweepSize) this.#sweep()
  }

  /** Drop what has expired. Next when there are twice as many as stay: so each note costs little. */
  #sweep(): void {
    const now = this.#clock.now()
    for (const [key, { expires }] of this.#notes) if (expires <= now) this.#notes.delete(key)
    this.#sweepSize = Math.max(MIN_SWEEP_SIZE, 2 * this.#notes.size)
  }
}
