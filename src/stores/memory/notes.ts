import type { Note, NoteStore } from '../../backend/notes.ts'
import type { Clock } from '../../std/clock.ts'

/** Notes in this process's memory. */
export class MemoryNotes implements NoteStore {
  readonly #clock: Clock
  readonly #notes = new Map<string, Note>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async get(key: string): Promise<string | undefined> {
    const note = this.#notes.get(key)
    return note && note.expires > this.#clock.now() ? note.value : undefined
  }

  async put(note: Note): Promise<void> {
    this.#notes.delete(note.key)
    this.#notes.set(note.key, note)
  }

  async replace(note: Note, expected: string): Promise<boolean> {
    const known = this.#notes.get(note.key)
    if (known?.value !== expected || known.expires <= this.#clock.now()) return false
    this.#notes.delete(note.key)
    this.#notes.set(note.key, note)
    return true
  }

  async putIfAbsent(note: Note): Promise<boolean> {
    const now = this.#clock.now()
    for (const [key, { expires }] of this.#notes) {
      // The oldest come first. A note that expires late keeps expired ones behind it in the map for a while; `get`
      // hides them.
      if (expires > now) break
      this.#notes.delete(key)
    }
    if ((this.#notes.get(note.key)?.expires ?? 0) > now) return false
    this.#notes.set(note.key, note)
    return true
  }
}
