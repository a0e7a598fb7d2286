import { setImmediate } from 'node:timers/promises'
import { BLOCK, type Compiled, compile } from './expression.ts'
import { Random } from './random.ts'

/** Draw `size` points in [a, b] x [c, d] and see how many lie under `f`, an expression of `xs`. */
export interface Integral {
  readonly f: string
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly size: number
}

export interface EstimateOptions {
  /** A whole number that fixes the points drawn, for tests; else they differ each time. */
  readonly seed?: number
  /** Ends the work within about 20 ms; `estimate` then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called about ten times a second with the share of points drawn so far, below 1, and awaited. Short work makes no call. */
  readonly onProgress?: (share: number) => void | Promise<void>
}

/** Milliseconds of work between two looks at the signal and the event loop. */
const SLICE = 20
/** Milliseconds between two reports of progress. */
const REPORT = 100

/**
 * The integral by sampling: the share of points (x, y), uniform in [a, b] x [c, d], with y < f(x), times the area.
 * Where f(x) is not a number (as the square root of a negative one) the point counts as not under the curve.
 * The standard error is area * sqrt(p * (1 - p) / size), p being the share.
 * @throws ExpressionError when `f` is no allowed expression
 * @throws RangeError when `size` is no whole number of at least 1
 */
export async function estimate(integral: Integral, options: EstimateOptions = {}): Promise<number> {
  const { signal, onProgress } = options
  const sampling = new Sampling(integral, new Random(options.seed))
  let reported = performance.now()
  for (;;) {
    signal?.throwIfAborted()
    const now = sampling.advance(SLICE)
    if (sampling.share === 1) return sampling.result
    if (now - reported >= REPORT) {
      reported = now
      await onProgress?.(sampling.share)
    }
    await setImmediate()
  }
}

/** The work itself, without waiting: blocks of points until the time is over or all are drawn. */
export class Sampling {
  readonly #integral: Integral
  readonly #f: Compiled
  readonly #random: Random
  readonly #ys = new Float64Array(BLOCK)
  #drawn = 0
  #under = 0

  constructor(integral: Integral, random: Random) {
    if (!Number.isSafeInteger(integral.size) || integral.size < 1) {
      throw new RangeError(`expected size to be a whole number of at least 1, got ${integral.size}`)
    }
    this.#integral = integral
    this.#f = compile(integral.f)
    this.#random = random
  }

  /** Of the points, how many are drawn: 1 when done. */
  get share(): number {
    return this.#drawn / this.#integral.size
  }

  /** The estimate by the points drawn so far. */
  get result(): number {
    const { a, b, c, d } = this.#integral
    return ((b - a) * (d - c) * this.#under) / this.#drawn
  }

  /** Work for so many milliseconds, or until done; gives the time at the end. */
  advance(milliseconds: number): number {
    const until = performance.now() + milliseconds
    let now: number
    do {
      this.#drawBlock(Math.min(BLOCK, this.#integral.size - this.#drawn))
      now = performance.now()
    } while (now < until && this.#drawn < this.#integral.size)
    return now
  }

  #drawBlock(count: number): void {
    const { a, b, c, d } = this.#integral
    this.#random.fillUniform(this.#f.xs, a, b, count)
    this.#random.fillUniform(this.#ys, c, d, count)
    this.#under += countBelow(this.#ys, this.#f.run(count), count)
    this.#drawn += count
  }
}

/** A comparison with NaN is false: such a point does not count. */
function countBelow(ys: Float64Array, limits: Float64Array, count: number): number {
  let below = 0
  for (let i = 0; i < count; i++) below += (ys[i] as number) < (limits[i] as number) ? 1 : 0
  return below
}
