/**
 * Uniform numbers for sampling: xoshiro128** 1.1 (Blackman and Vigna, public domain), period 2^128 - 1.
 * Each number is made of two outputs and has the full 53 bits of a double in [0, 1). Not for secrets.
 */
export class Random {
  readonly #state: Int32Array

  /**
   * The same seed gives the same numbers for ever: a whole number, or the generator's four words of state.
   * Without one, the state is drawn from the system's entropy.
   */
  constructor(seed: number | Int32Array = crypto.getRandomValues(new Int32Array(4))) {
    this.#state = typeof seed === 'number' ? expand(seed) : seed.slice(0, 4)
    // From zeros alone the generator would never move.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
  }

  /**
   * Fill the first `count` places with numbers in [low, high). As in NumPy, rounding may give `high` itself
   * where the interval holds few doubles.
   */
  fillUniform(block: Float64Array, low: number, high: number, count: number = block.length): void {
    let [a, b, c, d] = this.#state as unknown as [number, number, number, number]
    const width = high - low
    for (let i = 0; i < count; i++) {
      let upper = Math.imul(b, 5)
      upper = Math.imul((upper << 7) | (upper >>> 25), 9)
      let shifted = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= shifted
      d = (d << 11) | (d >>> 21)

      let lower = Math.imul(b, 5)
      lower = Math.imul((lower << 7) | (lower >>> 25), 9)
      shifted = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= shifted
      d = (d << 11) | (d >>> 21)

      // 32 bits above 21 bits: each sum is exact, so that no value in [0, 1) is favoured by rounding.
      block[i] = low + width * (0.5 + upper * 2 ** -32 + (lower >>> 11) * 2 ** -53)
    }
    this.#state.set([a, b, c, d])
  }
}

/** Four well mixed words from one number: splitmix32 steps, begun from both halves of the seed. */
function expand(seed: number): Int32Array {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`expected the seed to be a whole number within ±(2^53 - 1), got ${seed}`)
  }
  let mixed = mix(seed | 0) ^ Math.trunc(seed / 2 ** 32)
  return Int32Array.from({ length: 4 }, () => {
    mixed = (mixed + 0x9e3779b9) | 0
    return mix(mixed)
  })
}

function mix(word: number): number {
  let z = word
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return z ^ (z >>> 16)
}
