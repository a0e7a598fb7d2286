import type { Servers } from '../stores/servers.ts'

/** The figures of one run, by name with unit, as `tasks/s`. */
export type Figures = Readonly<Record<string, number>>

/** What the figures of a side mean: the columns beside them. */
export interface Semantics {
  /** When a message is acknowledged, and how it is held until then. */
  readonly ack: string
  /** Which result is stored, and whether a caller can read it. */
  readonly result: string
  /** When a submitted task survives: a crash of the process, a power cut. */
  readonly durable: string
  /** Which events are published. */
  readonly events: string
}

/** What all measurements of one run of the program have in common. */
export interface Conditions {
  /** s. */
  readonly window: number
  /** Tasks of a process that count as cold. */
  readonly cold: number
  /** Little of everything: to see that it works. */
  readonly quick: boolean
  /** The folder of the celeriac that is measured. */
  readonly root: string
  /** For files of the run. */
  readonly folder: string
  readonly servers: Servers
  /** Tasks/s that were measured before, by store and side: they size the next backlog. */
  readonly rates: Map<string, number>
}

/** One that is measured in a scenario. */
export interface Entrant {
  readonly name: string
  readonly semantics: Semantics
  /** Install it, if need be; its version. Rejects with the reason why it cannot be measured here. */
  prepare(conditions: Conditions): Promise<string>
  run(conditions: Conditions): Promise<Figures>
}

/** One kind of measurement, and all that go through it. */
export interface Scenario {
  /** Store or server, then what is done: `redis/drain`. */
  readonly name: string
  readonly title: string
  /** At most so often, however many repeats are asked for. */
  readonly repeats?: number
  readonly entrants: readonly Entrant[]
}
