import type {
  DeadLetter,
  DeadLetterAmount,
  DeadLetterBounds,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
  KeptDeadLetter,
  NewDeadLetter,
} from '../../backend/dead/deadLetters.ts'
import {
  DEFAULT_BOUNDS,
  editedFacts,
  factsText,
  headText,
  messageSize,
  pageOf,
  readFacts,
} from '../../backend/dead/pages.ts'
import type { SubmissionMetadata } from '../../backend/unitOfWork.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { readMessage } from '../../protocol/packedMessage.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import type { Clock } from '../../std/clock.ts'

interface Kept {
  readonly letter: DeadLetter
  readonly head: string
  readonly body: string | Uint8Array
}

/** What it shares with the backend. */
export interface MemoryDeadLetterParts {
  readonly clock: Clock
  readonly bounds: DeadLetterBounds | undefined
  metadata(id: string): SubmissionMetadata | undefined
  reopen(meta: TaskMeta): void
}

/** Dead letters in this process's memory. */
export class MemoryDeadLetters implements DeadLetterStore {
  readonly #parts: MemoryDeadLetterParts
  readonly #bounds: DeadLetterBounds
  /** In the order of their versions. */
  readonly #letters = new Map<string, Kept>()
  /** Of all messages. */
  #bytes = 0
  #count = 0

  constructor(parts: MemoryDeadLetterParts) {
    this.#parts = parts
    this.#bounds = parts.bounds ?? DEFAULT_BOUNDS
  }

  async put(letters: readonly NewDeadLetter[]): Promise<void> {
    for (const letter of letters) {
      const { owner, tags } = this.#parts.metadata(letter.id) ?? {}
      this.#keep(letter.id, factsText(letter), { owner, tags }, letter.envelope)
    }
    this.#trim()
  }

  #keep(id: string, facts: string, of: Pick<DeadLetter, 'owner' | 'tags'>, envelope: Envelope): void {
    const letter = readFacts(facts, { id, version: ++this.#count, ...of })
    this.#delete(id)
    const kept = { letter, head: headText(envelope), body: envelope.body }
    this.#letters.set(id, kept)
    this.#bytes += messageSize(kept.head, kept.body)
  }

  /** False where there was none. */
  #delete(id: string): boolean {
    const kept = this.#letters.get(id)
    if (kept) this.#bytes -= messageSize(kept.head, kept.body)
    return this.#letters.delete(id)
  }

  async list(query: DeadLetterQuery): Promise<DeadLetterPage> {
    this.#trim()
    const all = [...this.#letters.values()].map(({ letter }) => letter)
    const { oldest = false } = query
    if (!oldest) all.reverse()
    return pageOf(query, this.#bounds, this.#parts.clock.now(), async (after, count) =>
      all.filter(({ version }) => (oldest ? version > after : version < after)).slice(0, count),
    )
  }

  async load(ids: readonly string[]): Promise<(KeptDeadLetter | undefined)[]> {
    this.#trim()
    return ids.map((id) => {
      const kept = this.#letters.get(id)
      return kept && { ...kept.letter, envelope: readMessage(kept, null) }
    })
  }

  async edit(id: string, version: number, envelope: Envelope): Promise<boolean> {
    const kept = this.#letters.get(id)
    if (kept?.letter.version !== version) return false
    const { letter } = kept
    const { owner, tags } = letter
    this.#keep(id, editedFacts({ ...letter, envelope }), { owner, tags }, envelope)
    return true
  }

  async drop(ids: readonly string[]): Promise<number> {
    return ids.filter((id) => this.#delete(id)).length
  }

  async remove(id: string, version: number): Promise<void> {
    if (this.#letters.get(id)?.letter.version === version) this.#delete(id)
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    this.#trim()
    const counts = new Map<string, number>()
    for (const { letter } of this.#letters.values()) counts.set(letter.queue, (counts.get(letter.queue) ?? 0) + 1)
    return counts
  }

  async amount(): Promise<DeadLetterAmount> {
    return { letters: this.#letters.size, bytes: this.#bytes }
  }

  async reopen(metas: readonly TaskMeta[]): Promise<void> {
    for (const meta of metas) this.#parts.reopen(meta)
  }

  async trim(): Promise<void> {
    this.#trim()
  }

  #trim(): void {
    const { expires, max, maxBytes } = this.#bounds
    const from = expires === 0 ? 0 : this.#parts.clock.now() - expires
    for (const [id, { letter }] of this.#letters) {
      const { size } = this.#letters
      if (letter.died >= from && size <= max && (this.#bytes <= maxBytes || size === 1)) return
      this.#delete(id)
    }
  }
}
