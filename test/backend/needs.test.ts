import { expect, test } from 'vitest'
import { needsOf, type Submission } from '../../src/backend/unitOfWork.ts'
import { envelopeOf, toQueue } from '../../src/testing/factories.ts'

function to(queue: string, countAgain: boolean): Submission {
  const max = { messages: 5, bytes: 1000 }
  return { message: { envelope: envelopeOf('1'), route: toQueue(queue), maxWaiting: max, countAgain } }
}

test('what is submitted together needs room together, and is counted again if one of it needs that', () => {
  const some = [to('b', false), to('a', true), to('a', false), to('c', false)]
  const needs = needsOf(some, () => 100)
  const counts = needs.map(({ queue, messages, bytes, again }) => [queue, messages, bytes, again])
  expect(counts).toEqual([
    ['a', 2, 200, true],
    ['b', 1, 100, false],
    ['c', 1, 100, false],
  ])
})
