import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { check, countDoubles, type Rule } from './checker.ts'
import type { Effect, History } from './history.ts'

/** One task that ran once on `w1`, with what a test changes. */
function historyOf(changes: Partial<History> = {}): History {
  return {
    submissions: [{ id: 'a', queue: 'q', attempted: 0, acknowledged: 10 }],
    effects: [{ id: 'a', process: 'w1', begin: 20, end: 30 }],
    holds: [{ id: 'a', process: 'w1', from: 15, to: 35 }],
    reads: [{ id: 'a', at: 40, outcome: 'SUCCESS 1' }],
    losses: [],
    disturbances: [],
    workers: { w1: { concurrency: 1 }, w2: { concurrency: 1 } },
    ordered: [],
    ...changes,
  }
}
const rulesOf = (history: History): Rule[] => check(history).map(({ rule }) => rule)
const twice: Effect[] = [
  { id: 'a', process: 'w1', begin: 20 },
  { id: 'a', process: 'w2', begin: 200, end: 210 },
]

describe('the checker', () => {
  test('accepts a correct history', () => expect(check(historyOf())).toEqual([]))

  test('finds an acknowledged task that never ran, with all that is noted of it', () => {
    expect(check(historyOf({ effects: [], reads: [] }))).toEqual([
      {
        rule: 'done',
        id: 'a',
        text: 'acknowledged, and never run',
        evidence: [
          '00:00:00.000 submitted to q',
          '00:00:00.010 acknowledged',
          '00:00:00.015 taken by w1',
          '00:00:00.035 settled by w1',
        ],
      },
    ])
  })

  test('finds a task that ran and has no outcome', () => expect(rulesOf(historyOf({ reads: [] }))).toEqual(['outcome']))

  test('a call that was not acknowledged may be stored or not', () => {
    const submissions = [{ id: 'a', queue: 'q', attempted: 0 }]
    expect(check(historyOf({ submissions }))).toEqual([])
    expect(check(historyOf({ submissions, effects: [], reads: [] }))).toEqual([])
  })

  test('finds a chord whose body did not get the result of each member, once and in order', () => {
    const submissions = [
      { id: 'm1', queue: 'q', attempted: 0, acknowledged: 10, body: 'a', unread: true },
      { id: 'm2', queue: 'q', attempted: 0, acknowledged: 10, body: 'a', unread: true },
      { id: 'a', queue: 'q', attempted: 0, acknowledged: 10 },
    ]
    const effects = ['m1', 'm2', 'a'].map((id, at) => ({ id, process: 'w1', begin: 20 + 10 * at, end: 25 + 10 * at }))
    const rules = (outcome: string): Rule[] =>
      rulesOf(historyOf({ submissions, effects, reads: [{ id: 'a', at: 60, outcome }] }))
    expect(rules('SUCCESS "m1,m2|1"')).toEqual([])
    for (const wrong of ['SUCCESS "m1|1"', 'SUCCESS "m1,m1|1"', 'SUCCESS "m2,m1|1"', 'FAILURE {}'])
      expect(rules(wrong)).toEqual(['chord'])
    expect(rulesOf(historyOf({ submissions, effects: effects.slice(1) }))).toContain('done')
  })

  describe('limits by key', () => {
    const ids = Array.from({ length: 30 }, (_, at) => `t${at}`)
    const limit = { concurrency: 2, interval: 50, burst: 10 }
    const submissions = ids.map((id) => ({ id, queue: 'q', attempted: 0, acknowledged: 1, key: 'red' }))
    const reads = ids.map((id) => ({ id, at: 99_999, outcome: 'SUCCESS 1' }))
    const workers = { w1: { concurrency: 9 }, w2: { concurrency: 9 } }
    const of = (effects: readonly Effect[], changes: Partial<History> = {}): Rule[] =>
      rulesOf(historyOf({ submissions, reads, workers, holds: [], limit, effects, ...changes }))
    const spread = (gap: number, length: number): Effect[] =>
      ids.map((id, at) => ({ id, process: at % 2 ? 'w1' : 'w2', begin: at * gap, end: at * gap + length }))

    test('as many at once, and as often, as they may', () => {
      expect(of(spread(200, 390))).toEqual([])
      expect(of(spread(0, 0))).toEqual([])
    })

    test('one more at once, but not of another key, nor of a worker that was lost', () => {
      expect(of(spread(200, 410))).toEqual(['permits'])
      const keys = submissions.map((one, at) => ({ ...one, key: at % 2 ? 'red' : 'blue' }))
      expect(of(spread(200, 410), { submissions: keys })).toEqual([])
      const lost = { cause: 'frozen', processes: ['w1'], from: 0, to: 99_999, each: true as const }
      expect(of(spread(200, 410), { losses: [lost] })).toEqual([])
    })

    test('more often than the bucket has, unless clocks were set', () => {
      // 80 in 790 ms, where 10 and 16, and 30 for their lateness, may be.
      const many = Array.from({ length: 80 }, (_, at) => `m${at}`)
      const fast = {
        submissions: many.map((id) => ({ id, queue: 'q', attempted: 0, acknowledged: 1, key: 'red' })),
        reads: many.map((id) => ({ id, at: 99_999, outcome: 'SUCCESS 1' })),
      }
      const effects = many.map((id, at) => ({ id, process: 'w1', begin: at * 10, end: at * 10 + 5 }))
      expect(of(effects, fast)).toEqual(['permits'])
      expect(of(effects, { ...fast, disturbances: [{ from: 0, to: 1000 }] })).toEqual([])
    })
  })

  test('finds a final outcome that changed', () => {
    const reads = [
      { id: 'a', at: 40, outcome: 'SUCCESS 1' },
      { id: 'a', at: 50, outcome: 'SUCCESS 2' },
    ]
    const [found] = check(historyOf({ reads }))
    expect(found).toMatchObject({ rule: 'final', text: 'a final outcome changed: SUCCESS 1, then SUCCESS 2' })
  })

  describe('counts runs against lost holders', () => {
    const kill = { cause: 'killed', processes: ['w1'], from: 30, to: 30 }
    const held = [{ id: 'a', process: 'w1', from: 15 }]

    test('a second run without a loss', () => expect(rulesOf(historyOf({ effects: twice }))).toEqual(['doubles']))
    test('a second run after the death of the holder', () => {
      const history = historyOf({ effects: twice, holds: held, losses: [kill] })
      expect([check(history), countDoubles(history)]).toEqual([[], 1])
    })
    test('the death of another worker', () =>
      expect(rulesOf(historyOf({ effects: twice, losses: [{ ...kill, processes: ['w3'] }] }))).toEqual(['doubles']))
    test('the death of a holder that had settled before', () =>
      expect(rulesOf(historyOf({ effects: twice, losses: [{ ...kill, from: 36, to: 36 }] }))).toEqual(['doubles']))
    test('a worker that died before it wrote its journal', () =>
      expect(check(historyOf({ effects: twice, holds: [], losses: [kill] }))).toEqual([]))
    test('three runs and one loss', () => {
      const effects = [...twice, { id: 'a', process: 'w2', begin: 300, end: 310 }]
      const [found] = check(historyOf({ effects, holds: held, losses: [kill] }))
      expect(found).toMatchObject({ rule: 'doubles', text: 'ran 3 times; its lost holders explain 2' })
    })
  })

  describe('where each new connection is lost, too', () => {
    const cut = { cause: 'network resetAfter', processes: ['w1'], from: 30, to: 60, each: true } as const
    const effects = [30, 40, 50].map((begin) => ({ id: 'a', process: 'w1', begin, end: begin + 5 }))
    const holds = effects.map(({ begin: from, end: to }) => ({ id: 'a', process: 'w1', from, to }))

    test('each time that it was taken explains one run more', () =>
      expect(check(historyOf({ effects, holds, losses: [cut] }))).toEqual([]))
    test('what was taken afterwards explains none', () => {
      const late = { id: 'a', process: 'w1', begin: 100, end: 105 }
      const more = [...effects, late, { ...late, begin: 110, end: 115 }]
      const history = historyOf({
        effects: more,
        holds: [...holds, { id: 'a', process: 'w1', from: 100, to: 105 }],
        losses: [cut],
      })
      expect(check(history)).toMatchObject([{ text: 'ran 5 times; its lost holders explain 4' }])
    })
    test('one loss of another kind explains one run', () => {
      const history = historyOf({
        effects,
        holds,
        losses: [{ cause: 'network reset', processes: ['w1'], from: 30, to: 60 }],
      })
      expect(rulesOf(history)).toEqual(['doubles'])
    })
  })

  test('finds a run of what was never submitted', () =>
    expect(
      rulesOf(historyOf({ effects: [...historyOf().effects, { id: 'b', process: 'w2', begin: 1, end: 2 }] })),
    ).toEqual(['foreign']))

  describe('order', () => {
    const reversed = historyOf({
      submissions: [
        { id: 'a', queue: 'q', attempted: 0, acknowledged: 10 },
        { id: 'b', queue: 'q', attempted: 11, acknowledged: 15 },
      ],
      effects: [
        { id: 'b', process: 'w1', begin: 20, end: 25 },
        { id: 'a', process: 'w1', begin: 26, end: 30 },
      ],
      reads: ['a', 'b'].map((id) => ({ id, at: 40, outcome: 'SUCCESS' })),
      ordered: ['q'],
    })
    test('is promised in a queue of one worker with one slot', () => expect(rulesOf(reversed)).toEqual(['order']))
    test('is not promised elsewhere', () => expect(check({ ...reversed, ordered: [] })).toEqual([]))
    test('is not promised in a fault', () =>
      expect(check({ ...reversed, disturbances: [{ from: 5, to: 6 }] })).toEqual([]))
  })

  test('finds more tasks at once than the limit of a worker', () => {
    const submissions = ['a', 'b'].map((id) => ({ id, queue: 'q', attempted: 0, acknowledged: 1 }))
    const reads = ['a', 'b'].map((id) => ({ id, at: 40, outcome: 'SUCCESS' }))
    const effects = ['a', 'b'].map((id, at) => ({ id, process: 'w1', begin: 10 + at, end: 20 }))
    const [found] = check(historyOf({ submissions, reads, effects, holds: [] }))
    expect(found).toMatchObject({ rule: 'limit', text: 'w1 ran 2 at once; its limit is 1' })
  })
})

/** A correct history: workers of one slot each run tasks one after the other; some die while they run one. */
const correct: fc.Arbitrary<History> = fc
  .array(fc.record({ dies: fc.integer({ min: 0, max: 2 }), acknowledged: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((tasks) => {
    const [effects, holds, losses, reads]: [Effect[], unknown[], unknown[], unknown[]] = [[], [], [], []]
    const workers: Record<string, { concurrency: number; endedAt?: number }> = { last: { concurrency: 1 } }
    let now = 1000
    for (const [at, { dies }] of tasks.entries()) {
      const id = `t${at}`
      for (let death = 0; death < dies; death++, now += 10) {
        const process = `w${now}`
        effects.push({ id, process, begin: now })
        holds.push({ id, process, from: now })
        losses.push({ cause: 'killed', processes: [process], from: now + 5, to: now + 5 })
        workers[process] = { concurrency: 1, endedAt: now + 5 }
      }
      effects.push({ id, process: 'last', begin: now, end: now + 5 })
      holds.push({ id, process: 'last', from: now, to: now + 6 })
      reads.push({ id, at: now + 7, outcome: `SUCCESS ${at}` }, { id, at: 100_000, outcome: `SUCCESS ${at}` })
      now += 10
    }
    const submissions = tasks.map(({ acknowledged }, at) => ({
      id: `t${at}`,
      queue: 'q',
      attempted: at * 2,
      ...(acknowledged ? { acknowledged: at * 2 + 1 } : {}),
    }))
    return {
      submissions,
      effects,
      holds,
      losses,
      reads,
      disturbances: [],
      workers,
      ordered: ['q'],
    } as unknown as History
  })

/** Ways to spoil a correct history, at a task that was acknowledged, and the rule that each breaks. */
const mutations: Readonly<Record<Rule, (history: History, id: string) => History>> = {
  done: (history, id) => ({ ...history, effects: history.effects.filter((one) => one.id !== id) }),
  outcome: (history, id) => ({ ...history, reads: history.reads.filter((one) => one.id !== id) }),
  final: (history, id) => ({ ...history, reads: [...history.reads, { id, at: 200_000, outcome: 'FAILURE' }] }),
  doubles: (history, id) => ({
    ...history,
    effects: [...history.effects, { id, process: 'last', begin: 150_000, end: 150_001 }],
  }),
  foreign: (history) => ({ ...history, effects: [...history.effects, { id: 'x', process: 'y', begin: 1, end: 2 }] }),
  order: (history, id) => ({
    ...history,
    submissions: [...history.submissions, { id: 'early', queue: 'q', attempted: 500, acknowledged: 501 }],
    effects: [...history.effects, { id: 'early', process: 'y', begin: 502, end: 503 }],
    reads: [...history.reads, { id: 'early', at: 600, outcome: `SUCCESS ${id}` }],
  }),
  limit: (history, id) => ({
    ...history,
    effects: [
      ...history.effects.map((one) => ({ ...one, end: 160_000 })),
      { id, process: 'last', begin: 155_000, end: 155_001 },
    ],
  }),
  chord: (history, id) => ({
    ...history,
    submissions: [...history.submissions, { id: 'member', queue: 'other', attempted: 0, body: id, unread: true }],
  }),
  permits: (history, id) => ({
    ...history,
    limit: { concurrency: 1, interval: 1, burst: 10 },
    submissions: history.submissions.map((one) => ({ ...one, key: 'red' })),
    effects: [
      ...history.effects.map((one) => ({ ...one, end: 160_000 })),
      { id, process: 'another', begin: 155_000, end: 155_001 },
    ],
  }),
}

describe('any history', () => {
  test('a correct one breaks no rule', () =>
    fc.assert(fc.property(correct, (history) => void expect(check(history)).toEqual([]))))

  test.each(Object.entries(mutations))('what breaks %s is found', (rule, mutate) =>
    fc.assert(
      fc.property(correct, fc.nat(), (history, pick) => {
        const acknowledged = history.submissions.filter((one) => one.acknowledged !== undefined)
        fc.pre(acknowledged.length > 0)
        const { id } = acknowledged[pick % acknowledged.length] as { id: string }
        expect(rulesOf(mutate(history, id))).toContain(rule)
      }),
    ),
  )
})
