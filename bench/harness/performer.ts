import { Child } from './child.ts'
import type { Order } from './order.ts'
import { PythonChild } from './pythonChild.ts'

/** A process that does what an order says. */
export interface Performer {
  readonly pid: number
  /** Its next answer. Rejects when it ends without one, or is silent for too long. */
  next<Message>(): Promise<Message>
  /** Have it end by itself, and wait for that. */
  end(): Promise<void>
}

/** Starts a file of `bench/children` on Node. */
export function startNode(file: string, more: object = {}): (order: Order) => Performer {
  return (order) => new Child(new URL(`../children/${file}`, import.meta.url), { ...order, ...more })
}

export function startPython(order: Order, more: object = {}): Performer {
  return new PythonChild({ ...order, ...more })
}

/** Run one order to its end: its first answer. */
export async function perform<Message>(start: (order: Order) => Performer, order: Order): Promise<Message> {
  const child = start(order)
  try {
    return await child.next<Message>()
  } finally {
    await child.end()
  }
}
