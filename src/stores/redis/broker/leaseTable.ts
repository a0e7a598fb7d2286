/** A claim, and how many messages it took. */
export interface ClaimFacts {
  readonly name: string
  readonly count: number
}

const SLOTS = 256
/** A slot: the length of the name, 0 where it is free, and the count, of 4 bytes each; then the name in ASCII. */
const SLOT_BYTES = 128
const HEAD_BYTES = 8
const SLOT_WORDS = SLOT_BYTES / 4

/**
 * Claims in memory that two threads share: one adds and removes them, without waking the other, which reads them now
 * and then. A claim that is added while they are read may be missing, or have the name of none.
 */
export class LeaseTable {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => slot)

  /** `memory`: that of the table of the other thread, to read it. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SLOTS * SLOT_BYTES)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
    this.#bytes = Buffer.from(memory)
  }

  get isFull(): boolean {
    return this.#free.length === 0
  }

  /** Returns its slot, for `remove`. Only where it is not full; a name has at most 120 characters. */
  add({ name, count }: ClaimFacts): number {
    const slot = this.#free.pop() as number
    const length = this.#bytes.write(name, slot * SLOT_BYTES + HEAD_BYTES, SLOT_BYTES - HEAD_BYTES, 'latin1')
    Atomics.store(this.#words, slot * SLOT_WORDS + 1, count)
    // Last: from now on it is read.
    Atomics.store(this.#words, slot * SLOT_WORDS, length)
    return slot
  }

  remove(slot: number): void {
    Atomics.store(this.#words, slot * SLOT_WORDS, 0)
    this.#free.push(slot)
  }

  claims(): ClaimFacts[] {
    return Array.from({ length: SLOTS }, (_, slot) => this.#claimIn(slot)).filter(({ name }) => name !== '')
  }

  #claimIn(slot: number): ClaimFacts {
    const length = Atomics.load(this.#words, slot * SLOT_WORDS)
    const count = Atomics.load(this.#words, slot * SLOT_WORDS + 1)
    const begin = slot * SLOT_BYTES + HEAD_BYTES
    return { name: this.#bytes.toString('latin1', begin, begin + length), count }
  }
}
