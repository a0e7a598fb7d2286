/** What one request did, or would do. */
export interface Step {
  readonly count: number
  /** How many were left out, by the reason. */
  readonly left: Readonly<Record<string, number>>
  readonly cursor?: string | undefined
}

/** What all requests are asked with. */
export interface Asked {
  readonly cursor: string | undefined
  readonly dryRun: boolean
  readonly limit: number
  readonly signal: AbortSignal
}

/** Requests that follow each other by cursor. */
export type Series = (asked: Asked) => Promise<Step>

/** All requests of an action; and what is left out before one is sent. */
export interface Plan {
  readonly series: readonly Series[]
  readonly left: Readonly<Record<string, number>>
}
