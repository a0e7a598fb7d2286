import { expect, test } from 'vitest'
import { EventRates } from '../../../src/cli/top/eventRates.ts'
import { keysIn } from '../../../src/cli/top/keys.ts'
import { pageOf, screenOf } from '../../../src/cli/top/screen.ts'
import type { Snapshot } from '../../../src/cli/top/snapshot.ts'
import { FIRST_VIEW, moved, type View } from '../../../src/cli/top/view.ts'
import { columnsOf } from '../../../src/cli/top/width.ts'

const AT = Date.UTC(2026, 10, 29, 16, 25, 1)
const WORKER = { state: 'online', pool: 'threads', slots: 4, active: 2, processed: 1234, load: 0.5 } as const

const SNAPSHOT: Snapshot = {
  at: AT,
  broker: 'redis://localhost:6379/0',
  problem: undefined,
  blocked: undefined,
  asked: true,
  workers: [
    { name: 'celeriac@web-1', ...WORKER },
    { name: 'celery@py', ...WORKER, state: 'lost', pool: undefined, slots: undefined, load: undefined },
  ],
  queues: { queues: [{ name: 'celery', waiting: 120, oldest: AT - 12_000 }], delayed: 3, held: 2 },
  rates: { received: 12, succeeded: 11.75, failed: 0.25, retried: 0 },
  running: [
    { id: '01a22828-1a4e-7903-a92b-3e98d011f1c8', name: 'shop.report', worker: 'celeriac@web-1', seconds: 125 },
    { id: '01a22828-2b65-7096-a4c9-ba1b9fc2e3f6', name: 'shop.mail', worker: 'celeriac@web-1', seconds: 0.24 },
  ],
  failures: [{ id: 'f1', name: 'shop.mail', worker: 'celeriac@web-1', exception: "ValueError('full')", at: AT - 1000 }],
}

function textOf(snapshot: Snapshot, view: Partial<View> = {}, columns = 80, rows = 24): string[] {
  return screenOf(snapshot, { ...FIRST_VIEW, ...view }, { columns, rows }).map(({ text }) => text)
}

test('a fleet at 80x24', () => {
  expect(textOf(SNAPSHOT, { selected: { kind: 'worker', id: 'celeriac@web-1' } })).toEqual([
    'celeriac top  redis://localhost:6379/0                              16:25:01 UTC',
    'workers 1  running 2  waiting 120  delayed 3  held 2',
    'tasks/s: received 12.0  succeeded 11.8  failed 0.3  retried 0.0',
    '',
    ' WORKER                     STATE    POOL       SLOTS  ACTIVE  PROCESSED    LOAD',
    '>celeriac@web-1             online   threads        4       2      1,234    0.50',
    ' celery@py                  lost     -              -       2      1,234       -',
    '',
    ' QUEUE                                                        WAITING     OLDEST',
    ' celery                                                           120       12 s',
    '',
    '  RUNS FOR  TASK            WORKER          ID',
    '     2 min  shop.report     celeriac@web-1  01a22828-1a4e-7903-a92b-3e98d011f1c8',
    '     0.2 s  shop.mail       celeriac@web-1  01a22828-2b65-7096-a4c9-ba1b9fc2e3f6',
    '',
    ' FAILED AT  TASK                    EXCEPTION',
    "  16:25:00  shop.mail               ValueError('full')",
    ...Array.from({ length: 6 }, () => ''),
    '?: keys  x: leave',
  ])
})

test('without events it says so; without a store too; one page has all of it', () => {
  expect(textOf({ ...SNAPSHOT, rates: undefined })[2]).toMatch(/^no events of tasks yet: worker -E .* --enable-events/)
  expect(textOf({ ...SNAPSHOT, rates: undefined, asked: false })[2]).toBe('asking the workers ...')
  expect(textOf({ ...SNAPSHOT, problem: 'redis: connect ECONNREFUSED' })[2]).toBe('! redis: connect ECONNREFUSED')
  const blocked = {
    paused: ['queue slow', 'task a\u001b[2J'],
    breakers: { 'limit api': 'open' },
    heldBack: { 'limit db': '2026-01-01T00:00:00.000Z' },
  }
  expect(textOf({ ...SNAPSHOT, blocked }).slice(2, 5)).toEqual([
    'paused: queue slow, task a\\u001b[2J',
    'breakers: limit api open',
    'held back: limit db until 2026-01-01T00:00:00.000Z',
  ])
  const workers = Array.from({ length: 100 }, (_, at) => ({ name: `w${at}@x`, ...WORKER }))
  expect(pageOf({ ...SNAPSHOT, workers }, 80)).toHaveLength(3 + 2 + 100 + 3 + 4 + 3)
})

test('any size: exactly its lines, none wider, with the selected row among them', () => {
  const workers = Array.from({ length: 60 }, (_, at) => ({ name: `celeriac@${at}`, ...WORKER }))
  const running = Array.from({ length: 60 }, (_, at) => ({
    id: `id-${at}`,
    name: 'shop.add',
    worker: 'w',
    seconds: at,
  }))
  const fleet = { ...SNAPSHOT, workers, running }
  for (const [columns, rows] of [
    ...[
      [1, 1],
      [3, 2],
      [20, 5],
      [40, 10],
      [80, 24],
      [200, 50],
    ],
  ] as const) {
    for (const id of ['celeriac@0', 'celeriac@30', 'celeriac@59']) {
      const lines = textOf(fleet, { selected: { kind: 'worker', id } }, columns, rows)
      expect(lines).toHaveLength(rows)
      for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns)
      if (rows >= 10) expect(lines.join('\n')).toContain(`>${id} `)
    }
  }
})

test('the selection moves through workers, tasks and failures, and stays at the ends', () => {
  const ids = (by: readonly number[]): (string | undefined)[] => {
    let view: View = FIRST_VIEW
    return by.map((step) => {
      view = moved(view, SNAPSHOT, step)
      return view.selected?.id.slice(-6)
    })
  }
  expect(ids([1, 1, 1, 1, 1, 1])).toEqual(['@web-1', 'ery@py', '11f1c8', 'c2e3f6', 'f1', 'f1'])
  expect(ids([-1, -1])).toEqual(['@web-1', '@web-1'])
  expect(moved(FIRST_VIEW, { ...SNAPSHOT, workers: [], running: [], failures: [] }, 1).selected).toBeUndefined()
})

test('names that a terminal would obey, wide ones, and marks without a width', () => {
  const names = [
    '\u001b[2J\u001b]0;x\u0007',
    '表示タスク'.repeat(20),
    `z${'\u0301'.repeat(400)}`,
    '\u202eabc\n\u2028',
    '😀'.repeat(40),
  ]
  const running = names.map((name, at) => ({ id: `${name}${at}`, name, worker: name, seconds: at }))
  const workers = names.map((name) => ({ name, ...WORKER }))
  const failures = names.map((name) => ({ id: name, name, worker: name, exception: name, at: AT }))
  const lines = textOf({ ...SNAPSHOT, workers, running, failures, broker: names.join('') }, {}, 120, 50)
  expect(lines).toHaveLength(50)
  for (const line of lines) {
    expect(columnsOf(line)).toBeLessThanOrEqual(120)
    expect(line).not.toMatch(/[\p{Cc}\u2028\u202e]/u)
  }
  // The columns after a wide name are where they are after a narrow one.
  const wide = lines.find((line) => line.startsWith(' 表示')) as string
  expect(columnsOf(wide.slice(0, wide.indexOf('online')))).toBe(lines[4]?.indexOf('STATE'))
})

test('rates are those of the last ten seconds', () => {
  const rates = new EventRates()
  rates.sample(0)
  rates.count('worker-heartbeat')
  expect(rates.at(1000)).toBeUndefined()
  for (let second = 1; second <= 60; second++) {
    if (second <= 30) for (let task = 0; task < 5; task++) rates.count('task-received')
    rates.sample(second * 1000)
    if (second === 30) expect(rates.at(30_000)).toEqual({ received: 5, succeeded: 0, failed: 0, retried: 0 })
  }
  expect(rates.at(60_000)?.received).toBe(0)
})

test('keys', () => {
  expect(keysIn('\u001b[A\u001bOBj?\u0003\u001b[200~\u001b')).toEqual([
    'up',
    'down',
    'j',
    '?',
    'interrupt',
    '\u001b[200~',
    'escape',
  ])
})
