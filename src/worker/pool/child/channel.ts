import type { FromChild, ToChild } from './messages.ts'

/** A child's connection to its pool: of a thread its port, of a process its IPC channel. Messages keep their order. */
export interface Channel {
  /** Throws for a value that cannot cross. */
  send(message: FromChild): void
  onMessage(listener: (message: ToChild) => void): void
  /** How much memory this child uses, bytes: of a thread its heap and buffers, of a process all of it (RSS). */
  memory(): number
}
