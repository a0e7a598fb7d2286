import { type Duration, milliseconds } from '../../std/duration.ts'
import { ArgumentError } from '../../std/errors.ts'
import type { Identity } from './identity.ts'

/** How many requests a client may make. Counted in this process alone: with N processes, up to N times as often. */
export interface RateLimit {
  /** So many requests at once, and again in each `per`. */
  readonly requests: number
  readonly per: Duration
  /** Whose requests are counted together. Default: those of one identity, else of one client address. */
  readonly by?: ((request: Request, identity: Identity | undefined) => string) | undefined
}

/** What a request met. */
export interface Taken {
  readonly allowed: boolean
  /** Of `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). */
  readonly headers: Readonly<Record<'ratelimit' | 'ratelimit-policy', string>>
  /** Seconds until one more is allowed. */
  readonly retryAfter: number
}

interface Bucket {
  tokens: number
  /** When it was filled last, ms. */
  at: number
}

/** Most buckets that are kept: the one that was used least recently is dropped, and starts full again. */
const MAX_BUCKETS = 100_000

/** A bucket of tokens for each who asks, filled evenly. */
export class RateLimiter {
  readonly by: RateLimit['by']
  readonly #requests: number
  /** Tokens per ms. */
  readonly #rate: number
  readonly #policy: string
  readonly #buckets = new Map<string, Bucket>()

  /** Throws ArgumentError. */
  constructor({ requests, per, by }: RateLimit) {
    const window = milliseconds(per, 'rateLimit: per')
    if (!Number.isSafeInteger(requests) || requests < 1 || window < 1)
      throw new ArgumentError(
        `rateLimit: expected a whole number of requests and a time, got ${requests} per ${window} ms`,
      )
    this.by = by
    this.#requests = requests
    this.#rate = requests / window
    this.#policy = `"default";q=${requests};w=${Math.ceil(window / 1000)}`
  }

  take(key: string, now: number): Taken {
    const bucket = this.#bucket(key, now)
    bucket.tokens = Math.min(this.#requests, bucket.tokens + Math.max(0, now - bucket.at) * this.#rate)
    bucket.at = now
    const allowed = bucket.tokens >= 1
    if (allowed) bucket.tokens--
    const full = Math.ceil((this.#requests - bucket.tokens) / this.#rate / 1000)
    return {
      allowed,
      headers: {
        ratelimit: `"default";r=${Math.floor(bucket.tokens)};t=${full}`,
        'ratelimit-policy': this.#policy,
      },
      retryAfter: Math.max(1, Math.ceil((1 - bucket.tokens) / this.#rate / 1000)),
    }
  }

  #bucket(key: string, now: number): Bucket {
    const known = this.#buckets.get(key)
    if (known) this.#buckets.delete(key)
    else if (this.#buckets.size >= MAX_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value as string)
    const bucket = known ?? { tokens: this.#requests, at: now }
    this.#buckets.set(key, bucket)
    return bucket
  }
}
