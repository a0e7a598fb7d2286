import fc from 'fast-check'
import { expect, it } from 'vitest'
import { QueueTurns } from '../../src/broker/queueTurns.ts'

/** Serve claims of these sizes from queues with so many messages; the names, in order. */
function serve(queues: readonly { name: string; weight?: number; size: number }[], claims: Iterable<number>): string[] {
  const left = new Map(queues.map(({ name, size }) => [name, size]))
  const turns = new QueueTurns(queues)
  const all: string[] = []
  for (const claim of claims) {
    const took: { queue: string }[] = []
    for (const { name } of turns.next()) {
      const count = Math.min(claim - took.length, left.get(name) ?? 0)
      left.set(name, (left.get(name) ?? 0) - count)
      for (let at = 0; at < count; at++) took.push({ queue: name })
    }
    turns.took(took)
    all.push(...took.map(({ queue }) => queue))
  }
  return all
}

it('queues without weights are served in turn', () => {
  const queues = ['a', 'b', 'c'].map((name) => ({ name, size: 9 }))
  expect(serve(queues, Array(7).fill(1)).join('')).toBe('abcabca')
})

it('weights of 3 and 1: three of four, spread', () => {
  const queues = [
    { name: 'a', weight: 3, size: 99 },
    { name: 'b', weight: 1, size: 99 },
  ]
  const order = serve(queues, Array(40).fill(1)).join('')
  expect(order).not.toContain('aaaa')
  expect(order.replaceAll('b', '')).toHaveLength(30)
})

it('a queue that was empty gets no more for that later', () => {
  const turns = new QueueTurns([{ name: 'a' }, { name: 'b' }])
  for (let at = 0; at < 100; at++) {
    turns.next()
    turns.took([{ queue: 'a' }])
  }
  const order = Array.from({ length: 6 }, () => {
    const [first] = turns.next()
    turns.took([{ queue: first!.name }])
    return first!.name
  })
  expect(order.join('')).toMatch(/^b?(?:ab|ba){2,3}/)
})

it('whatever weights and claims there are, shares are those of the weights, and nothing starves', () => {
  const weight = fc.double({ min: 0.1, max: 100, noNaN: true })
  fc.assert(
    fc.property(
      fc.array(weight, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 300 }),
      (weights, claims) => {
        const queues = weights.map((one, at) => ({ name: `q${at}`, weight: one, size: 10_000 }))
        const all = serve(queues, claims)
        const sum = weights.reduce((total, one) => total + one, 0)
        for (const { name, weight: own } of queues) {
          const count = all.filter((queue) => queue === name).length
          // At most one claim more or less for each queue.
          expect(Math.abs(count - (all.length * own) / sum)).toBeLessThanOrEqual(20 * queues.length)
        }
      },
    ),
  )
})
