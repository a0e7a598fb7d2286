import { expect, test } from 'vitest'
import { diffOf } from '../../src/dashboard/pages/job/failure/diff.ts'
import { readTraceback } from '../../src/dashboard/pages/job/failure/traceback.ts'
import { LineBuffer, OutputText } from '../../src/dashboard/pages/job/output/lineBuffer.ts'
import { jsonFault } from '../../src/dashboard/parts/ask/jsonFault.ts'
import { placeOfPointer } from '../../src/dashboard/parts/ask/jsonPlace.ts'
import { jsonRows, MAX_ROWS } from '../../src/dashboard/parts/text/jsonRows.ts'
import { random as randomFrom } from '../random.ts'

/** Whole numbers below a limit, the same in each run. */
function randomOf(seed: number): (limit: number) => number {
  const next = randomFrom(seed)
  return (limit) => Math.floor(next() * limit)
}

const CLOSED = { open: new Map<string, boolean>(), drawn: new Map<string, number>() }

test('a traceback of Node: the error, its causes, and the frames of the application and of libraries', () => {
  const text = [
    'RangeError: no row',
    'of this name',
    '    at run (file:///srv/tasks.ts:5:9)',
    '    at async file:///srv/node_modules/celeriac/dist/worker.js:1:2',
    '    at new Promise (<anonymous>)',
    'Caused by: TypeError: refused',
    '    at connect (node:net:1:1)',
    'Caused by: 12',
  ].join('\n')
  expect(readTraceback(text)).toEqual([
    {
      type: 'RangeError',
      message: 'no row\nof this name',
      frames: [
        { name: 'run', place: '/srv/tasks.ts:5:9', isLibrary: false },
        { name: '', place: '/srv/node_modules/celeriac/dist/worker.js:1:2', isLibrary: true },
        { name: 'new Promise', place: '<anonymous>', isLibrary: true },
      ],
    },
    {
      relation: 'cause',
      type: 'TypeError',
      message: 'refused',
      frames: [{ name: 'connect', place: 'node:net:1:1', isLibrary: true }],
    },
    { relation: 'cause', type: '12', message: '', frames: [] },
  ])
})

test('a traceback of Python: what ended the task comes first, then what it came of', () => {
  const text = [
    'Traceback (most recent call last):',
    '  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 451, in trace_task',
    '    R = retval = fun(*args, **kwargs)',
    '                 ~~~^^^^^^^^^^^^^^^^^',
    '  File "/srv/tasks.py", line 3, in load',
    '    raise KeyError(name)',
    "KeyError: 'users'",
    '',
    'During handling of the above exception, another exception occurred:',
    '',
    'Traceback (most recent call last):',
    '  File "/srv/tasks.py", line 9, in run',
    'shop.errors.Gone: two',
    'lines',
  ].join('\n')
  const [first, second, ...more] = readTraceback(text)
  expect(first).toEqual({
    type: 'shop.errors.Gone',
    message: 'two\nlines',
    frames: [{ name: 'run', place: '/srv/tasks.py:9', isLibrary: false }],
  })
  expect(second).toMatchObject({ relation: 'context', type: 'KeyError', message: "'users'" })
  expect(second?.frames.map(({ place, isLibrary }) => [place, isLibrary])).toEqual([
    ['/srv/tasks.py:3', false],
    ['/usr/lib/python3/dist-packages/celery/app/trace.py:451', true],
  ])
  expect(second?.frames[1]?.code).toBe('R = retval = fun(*args, **kwargs)')
  expect(more).toEqual([])
})

test('what is no traceback is none, whatever it is, in linear time', () => {
  for (const text of ['', '\u0000', 'killed by signal 9', '    ', 'Caused by: '.repeat(5)])
    expect(readTraceback(text)).toEqual([])
  const long = `Error: ${'x: '.repeat(300_000)}\n${'    at a (b)\n'.repeat(50_000)}`
  const start = performance.now()
  expect(readTraceback(long)[0]?.frames).toHaveLength(300)
  expect(performance.now() - start).toBeLessThan(2000)
})

test('a diff has both texts in it, and the least that differs', () => {
  expect(diffOf('no row 1 of a', 'no row 22 of a')).toEqual([
    { kind: 'same', text: 'no row ' },
    { kind: 'removed', text: '1' },
    { kind: 'added', text: '22' },
    { kind: 'same', text: ' of a' },
  ])
  const random = randomOf(7)
  for (let round = 0; round < 300; round++) {
    const [before, after] = [0, 1].map(() =>
      Array.from({ length: random(12) }, () => 'ab -é\u202e'[random(6)]).join(''),
    )
    const parts = diffOf(before as string, after as string)
    const joined = (left: 'removed' | 'added') =>
      parts.flatMap(({ kind, text }) => (kind === left ? [] : [text])).join('')
    expect([joined('added'), joined('removed')]).toEqual([before, after])
  }
  expect(diffOf('a '.repeat(5000), 'b '.repeat(5000)).length).toBeLessThan(5)
})

test('what is wrong with JSON agrees with the parser of the platform on every text', () => {
  const random = randomOf(11)
  const parts = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00e9"',
    '"\\x"',
    '1',
    '-0.5e3',
    '01',
    '.5',
    'true',
    'nul',
    ' ',
    '\n',
    '"',
    '\\',
  ]
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + random(7) }, () => parts[random(parts.length)]).join('')
    let isJson = true
    try {
      JSON.parse(text)
    } catch {
      isJson = false
    }
    expect(jsonFault(text) === undefined, JSON.stringify(text)).toBe(isJson)
  }
})

test('a pointer leads to its value, or to what is around it', () => {
  const text = '{\n  "a/b": [1, {"x": "}"}],\n  "c": 2 }'
  const at = (pointer: string) =>
    text.slice(placeOfPointer(text, pointer).offset, placeOfPointer(text, pointer).offset + 3)
  expect(['#', '#/a~1b/1/x', '#/c', '#/a~1b/9', '#/none'].map(at)).toEqual(['{\n ', '"}"', '2 }', '[1,', '{\n '])
  for (const odd of ['', '{', '{"a"', '[1,', '"\\', '{"a":{']) expect(placeOfPointer(odd, '#/a/0/b').line).toBe(1)
})

test('a tree of JSON draws no more than is open, however large and deep it is', () => {
  expect(
    jsonRows({ a: [1, 'x'], 'b/c': {} }, CLOSED).map(({ path, kind, depth }) => `${path} ${kind} ${depth}`),
  ).toEqual([' object 0', '/a list 1', '/a/0 plain 2', '/a/1 text 2', '/b~1c object 1'])
  const many = jsonRows(
    Array.from({ length: 1_000_000 }, (_, index) => index),
    CLOSED,
  )
  expect([many.length, many.at(-1)?.kind, many.at(-1)?.size]).toEqual([102, 'more', 999_900])
  const deep: unknown = JSON.parse(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)
  const all = { ...CLOSED, open: { get: () => true } as unknown as Map<string, boolean> }
  expect(jsonRows(deep, all)).toHaveLength(MAX_ROWS)
  expect(jsonRows(deep, CLOSED).length).toBeLessThan(5)
})

test('lines and output are kept up to a limit: the oldest go', () => {
  const lines = new LineBuffer()
  const line = { attempt: 1, level: 'info', time: '2026-11-30T10:00:00.000Z', fields: {} } as const
  for (let number = 0; number < 100_000; number++) lines.add({ ...line, message: `line ${number}` })
  expect([lines.count, lines.dropped + lines.rows.length]).toEqual([100_000, 100_000])
  expect(lines.rows.length).toBeLessThanOrEqual(20_000)
  expect(lines.rows.at(-1)?.message).toBe('line 99999')
  lines.add({ ...line, message: 'y'.repeat(10_000_000), fields: { z: 'z'.repeat(1_000_000) } })
  expect(lines.rows.at(-1)?.message.length).toBeLessThan(4100)
  const output = new OutputText()
  for (let part = 0; part < 100_000; part++) output.add(1, 'token ')
  output.join()
  expect([output.text.length, output.dropped]).toEqual([200_000, 400_000])
  output.add(2, { n: 1n })
  output.join()
  expect([output.text, output.dropped, output.attempt]).toEqual(['{"n":1}\n', 0, 2])
})
