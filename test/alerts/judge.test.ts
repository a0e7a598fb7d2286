import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AlertChange, type AlertState, judge, type Reading } from '../../src/alerts/judge.ts'

const RULE = { name: 'late', for: 60, recovery: 30 }
const reading = (subject: string, value = 1): Reading => ({ subject, value, text: `${subject} is late` })

/** What is sent for what is read at each moment: subjects by moment. */
function run(steps: readonly (readonly [now: number, subjects: readonly string[]])[], rule = RULE): string[] {
  let states: readonly AlertState[] = []
  const sent: string[] = []
  for (const [now, subjects] of steps) {
    const judged = judge(
      rule,
      states,
      subjects.map((subject) => reading(subject)),
      now,
    )
    states = judged.states
    sent.push(...judged.changes.map(({ kind, state }) => `${now} ${kind} ${state.subject}`))
  }
  return sent
}

test('it is sent once it has held for its time, and its recovery when it has been over for its time', () => {
  const all = ['a']
  expect(
    run([
      [0, all],
      [59, all],
      [60, all],
      [90, all],
      [100, []],
      [129, []],
      [130, []],
      [200, []],
    ]),
  ).toEqual(['60 firing a', '130 resolved a'])
})

test('what is over before its time is not sent; what comes again during its recovery is the same alert', () => {
  expect(
    run([
      [0, ['a']],
      [50, []],
      [70, ['a']],
      [110, ['a']],
    ]),
  ).toEqual([])
  expect(
    run([
      [0, ['a']],
      [60, ['a']],
      [70, []],
      [80, ['a']],
      [105, []],
      [134, []],
      [135, []],
    ]),
  ).toEqual(['60 firing a', '135 resolved a'])
})

test('without times it is sent at once; each subject is an alert of its own', () => {
  const rule = { name: 'lost', for: 0, recovery: 0 }
  expect(
    run(
      [
        [0, ['a', 'b']],
        [5, ['b']],
        [6, ['b']],
        [7, []],
      ],
      rule,
    ),
  ).toEqual(['0 firing a', '0 firing b', '5 resolved a', '7 resolved b'])
})

test('a clock that is set back starts the time again, and loses nothing', () => {
  expect(
    run([
      [1000, ['a']],
      [100, ['a']],
      [159, ['a']],
      [160, ['a']],
      [170, []],
      [20, []],
      [49, []],
      [50, []],
    ]),
  ).toEqual(['160 firing a', '50 resolved a'])
})

test('whatever is read: firing and resolved take turns for each subject, and what fires has held for its time', () => {
  const step = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.subarray(['a', 'b', 'c']))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let states: readonly AlertState[] = []
      let now = 0
      const last = new Map<string, AlertChange['kind']>()
      const since = new Map<string, number>()
      for (const [pause, subjects] of steps) {
        now += pause
        for (const subject of ['a', 'b', 'c']) if (!subjects.includes(subject)) since.delete(subject)
        for (const subject of subjects) if (!since.has(subject)) since.set(subject, now)
        const judged = judge(
          RULE,
          states,
          subjects.map((subject) => reading(subject)),
          now,
        )
        states = judged.states
        for (const { kind, state } of judged.changes) {
          expect(last.get(state.subject) ?? 'resolved').not.toBe(kind)
          last.set(state.subject, kind)
          if (kind === 'firing') expect(now - (since.get(state.subject) ?? now)).toBeGreaterThanOrEqual(RULE.for)
        }
        for (const subject of subjects)
          if (now - (since.get(subject) ?? now) >= RULE.for) expect(last.get(subject)).toBe('firing')
      }
    }),
  )
})
