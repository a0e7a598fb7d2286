import type { Figures } from '../harness/scenario.ts'

/** The URLs of a broker and of a result backend. */
export interface Address {
  readonly url: string
  readonly backend: string
}

/** A store that tasks are measured on. */
export interface Store {
  /** As `redis-server 7.0.15`. */
  readonly version: string
  /** Its server's process. Absent: the store is a file. */
  readonly pid?: number
  /** Nothing is left of what was measured before. */
  empty(): Promise<Address>
  /** Processor time of the server until now, s. Absent without a server. */
  cpu?(): Promise<number>
  /** What the server has counted until now, as `operations`. RabbitMQ counts its messages with them, which takes a second. */
  counters(): Promise<Figures>
  /** The longest command since the last call or `empty`, ms; 0 where none was long enough to be noted. Absent without a server. */
  slowest?(): Promise<number>
  stop(): Promise<void>
}
