import { Child } from '../embedded/child.ts'
import type { Present } from '../rounds.ts'
import type { Order } from './order.ts'

/** A process that does what an order says. */
export interface Performer {
  next<Message>(): Promise<Message>
  end(): Promise<void>
}

/** Something that is measured by processes of its own. */
export interface Role {
  readonly name: string
  /** What its figures mean. */
  readonly semantics: string
  start(order: Order): Performer
}

/** Starts a file beside this one on Node. */
export function nodeChild(file: string): (order: Order) => Performer {
  return (order) => new Child(new URL(file, import.meta.url).href, order)
}

/** Run one order to its end: what it measured. */
export async function measure<Message>(role: Role, order: Order): Promise<Message> {
  const child = role.start(order)
  try {
    return await child.next<Message>()
  } finally {
    await child.end()
  }
}

/** A side with its version, or why it cannot tell it here. */
export async function asVersion<Side>(side: Side, ask: () => Promise<string>): Promise<Present<Side>> {
  try {
    return { side, version: await ask() }
  } catch (error) {
    return { side, problem: (error as Error).message.split('\n')[0] ?? '' }
  }
}
