import type { NoteStore, SubmissionNote } from '../backend/notes.ts'
import type { Clock } from '../std/clock.ts'
import { uuid } from '../std/id.ts'
import { pause } from '../std/pause.ts'

/** How long other processes wait for the end of a submission with the same note, if its process has died, ms. */
const LOCK_LIFETIME_MS = 30_000
/** Between two looks whether it has ended, ms. */
const LOOK_MS = 25

/** What keeps two submissions of one note apart. */
export interface NotedFacts {
  readonly notes: NoteStore
  readonly clock: Clock
  /** Other processes submit with the same notes. */
  readonly isShared: boolean
}

/**
 * Submissions with a note, where job and note are not one write: the note is written last, so those of one key take
 * turns, here and in all processes that share the notes.
 */
export class NotedSubmissions {
  readonly #name: string = uuid()
  /** Submissions in progress, by the keys of their notes. */
  readonly #running = new Map<string, Promise<unknown>>()

  /** False where the note of the key is another one than is expected, or `send` resolves false. */
  async submit(note: SubmissionNote, facts: NotedFacts, send: () => Promise<boolean>): Promise<boolean> {
    const { key } = note
    for (let other = this.#running.get(key); other; other = this.#running.get(key)) await other
    const sending = facts.isShared ? this.#locked(note, facts, send) : sendNoted(note, facts, send)
    // The caller of this submission gets its failure.
    this.#running.set(
      key,
      sending.catch(() => undefined),
    )
    try {
      return await sending
    } finally {
      this.#running.delete(key)
    }
  }

  async #locked(note: SubmissionNote, facts: NotedFacts, send: () => Promise<boolean>): Promise<boolean> {
    const { notes, clock } = facts
    const lock = { key: `lock ${note.key}`, value: this.#name }
    while (await isAsExpected(note, notes)) {
      if (!(await notes.putIfAbsent({ ...lock, expires: clock.now() + LOCK_LIFETIME_MS }))) {
        await pause(LOOK_MS, clock, new AbortController().signal)
        continue
      }
      try {
        return await sendNoted(note, facts, send)
      } finally {
        // If this is not written, the lock ends by itself; the caller learns what became of its call.
        await notes.replace({ ...lock, expires: 0 }, lock.value).catch(() => undefined)
      }
    }
    return false
  }
}

async function sendNoted(note: SubmissionNote, { notes }: NotedFacts, send: () => Promise<boolean>): Promise<boolean> {
  if (!(await isAsExpected(note, notes)) || !(await send())) return false
  if (note.expected === undefined) await notes.putIfAbsent(note)
  else await notes.replace(note, note.expected)
  return true
}

async function isAsExpected({ key, expected }: SubmissionNote, notes: NoteStore): Promise<boolean> {
  return (await notes.get(key)) === expected
}
