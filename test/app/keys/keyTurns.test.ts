import { expect, test } from 'vitest'
import { inTurn } from '../../../src/calls/keys/keyTurns.ts'

/** Submits numbers, and fails for those that are negative; remembers which were together. */
function submitter() {
  const turns: (readonly number[])[] = []
  let running = 0
  const submit = async (calls: readonly number[]): Promise<readonly number[]> => {
    turns.push(calls)
    running += 1
    expect(running).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 1))
    running -= 1
    if (calls.some((call) => call < 0)) throw new Error(`got ${calls.join()}`)
    return calls.map((call) => call * 10)
  }
  return { turns, submit }
}

test('one after the other, in their order; one that fails is in no way of the next', async () => {
  const { turns, submit } = submitter()
  const stores = {}
  const calls = [1, -2, 3].map((call) => inTurn(stores, 'k', call, { submit, joins: () => false }))
  expect(await Promise.allSettled(calls)).toMatchObject([
    { value: 10 },
    { reason: { message: 'got -2' } },
    { value: 30 },
  ])
  expect(turns).toEqual([[1], [-2], [3]])
})

test('those that wait behind each other are one turn, where each joins', async () => {
  const { turns, submit } = submitter()
  const rule = { submit, joins: (call: number) => call !== 5 }
  const stores = {}
  const first = inTurn(stores, 'k', 1, rule)
  await new Promise((resolve) => setImmediate(resolve))
  const rest = [2, 3, 4, 5, 6, 7].map((call) => inTurn(stores, 'k', call, rule))
  expect(await Promise.all([first, ...rest])).toEqual([10, 20, 30, 40, 50, 60, 70])
  expect(turns).toEqual([[1], [2, 3, 4], [5], [6, 7]])
})

test('a call that comes as soon as another one has ended is served', async () => {
  const stores = {}
  const submit = async (calls: readonly number[]): Promise<readonly number[]> => calls
  for (let ticks = 0; ticks < 20; ticks++) {
    const first = inTurn(stores, 'k', 1, { submit, joins: () => false })
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
    expect(await Promise.all([first, inTurn(stores, 'k', 2, { submit, joins: () => false })])).toEqual([1, 2])
  }
})
