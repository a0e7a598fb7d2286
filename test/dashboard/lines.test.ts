import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from '../../src/client/json.ts'
import { type CallLine, curlLine, pythonLine, typeScriptLine } from '../../src/dashboard/calls/line.ts'
import { isSame, type Json } from '../../src/dashboard/form/model/json.ts'
import { output } from '../command.ts'
import { isFull } from '../tier.ts'

/* A line means the same call to its shell or its program, whatever is in it. */

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-lines-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    "it's",
    '$HOME `id` $(id)',
    '\\',
    "\\'",
    '"',
    '\n',
    '\u0000',
    '\u202e',
    '\u2028',
    '😀',
    '\u{e0001}',
    '@f',
    '%s',
    '{}',
  ),
)
/** When an object with the name `\\` was parsed, V8 13 reads names that begin with an escape wrongly. */
const name = fc.oneof(
  text.filter((one) => one !== '\\'),
  fc.constantFrom('__proto__', 'a', 'class'),
)
const whole = fc.oneof(fc.integer(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }))
const value = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    whole,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ) as fc.Arbitrary<Json>,
})).value
const word = fc.stringMatching(/^[ -~]{1,20}$/)
const calls: fc.Arbitrary<CallLine> = fc.record({
  task: fc.oneof(fc.constantFrom('math.add', "it's", '<i>x</i>\u202e'), word),
  input: fc.oneof(fc.array(value, { maxLength: 4 }), fc.dictionary(name, value, { maxKeys: 4 })) as fc.Arbitrary<Json>,
  options: fc.record(
    {
      tags: fc.array(word, { minLength: 1, maxLength: 3 }),
      idempotencyKey: word,
      queue: word,
      priority: fc.nat(255),
      countdown: fc.nat(1000),
    },
    { requiredKeys: [] },
  ),
})
const sample = fc.sample(calls, { numRuns: 150, seed: 22 })
/** As JSON says it. */
const plain = (one: Json): Json => parse(stringify(one)) as Json

test('a shell gives curl the same JSON, headers and query', async () => {
  const url = (task: string): string => `https://api.example/v1/tasks/${encodeURIComponent(task)}`
  const lines = sample.map((call) => curlLine(url(call.task), call))
  const print = 'curl() { for part in "$@"; do printf "%s\\0" "$part"; done; printf "\\0"; }'
  const file = join(folder, 'calls.sh')
  await writeFile(file, `${print}\n${lines.join('\n')}\n`)
  const calls = (await output('sh', [file], {})).split('\0\0').slice(0, -1)
  expect(calls).toHaveLength(sample.length)
  for (const [index, { task, input, options }] of sample.entries()) {
    const [flag, address = '', ...rest] = (calls[index] as string).split('\0')
    expect(flag).toBe('-i')
    const got = new URL(address)
    expect(got.href.split('?')[0]).toBe(new URL(url(task)).href)
    expect(got.searchParams.getAll('tag')).toEqual(options.tags ?? [])
    expect(got.searchParams.get('queue')).toBe(options.queue ?? null)
    const key = options.idempotencyKey?.replace(/["\\]/g, '\\$&')
    expect(rest.slice(0, -2)).toEqual(key === undefined ? [] : ['-H', `idempotency-key: "${key}"`])
    expect(rest.at(-2)).toBe('--json')
    expectSame(parse(rest.at(-1) as string) as Json, input as Json)
  }
})

function expectSame(got: Json, input: Json): void {
  if (!isSame(got, plain(input))) expect(got).toEqual(plain(input))
}

test('Python gives send_task the same arguments', async () => {
  const file = join(folder, 'calls.py')
  const begin = `import json
class App:
    def send_task(self, name, args=(), kwargs={}, **options):
        print(json.dumps([name, list(args), kwargs, options]))
app = App()
`
  await writeFile(file, begin + sample.map(pythonLine).join('\n'))
  const lines = (await output('python3', [file], {})).trim().split('\n')
  expect(lines).toHaveLength(sample.length)
  for (const [index, { task, input, options }] of sample.entries()) {
    const [name, args, kwargs, given] = parse(lines[index] as string) as [string, Json, Json, Json]
    const { queue, countdown, priority } = options
    expect(name).toBe(task)
    expectSame(args, Array.isArray(input) ? input : [])
    expectSame(kwargs, Array.isArray(input) ? {} : (input as Json))
    expectSame(given, {
      ...(queue !== undefined && { queue }),
      ...(countdown !== undefined && { countdown }),
      ...(priority !== undefined && { priority }),
    })
  }
})

test('a moment for Python has its zone', async () => {
  const file = join(folder, 'eta.py')
  const line = pythonLine({ task: 'add', input: [], options: { eta: '2026-11-30T12:05:09.000Z' } })
  await writeFile(
    file,
    `from datetime import datetime\nclass App:\n  def send_task(self, name, eta): print(eta.utcoffset(), eta.isoformat())\napp = App()\n${line}`,
  )
  expect(await output('python3', [file], {})).toBe('0:00:00 2026-11-30T12:05:09+00:00\n')
})

test('TypeScript gives the client the same input', () => {
  for (const call of sample) {
    const got: unknown[] = []
    const client = {
      submit: (task: string, input: unknown, options?: unknown) => got.push(task, input, options),
      callAny: (task: string, { args, kwargs }: { args?: unknown; kwargs?: unknown }, options?: unknown) =>
        got.push(task, args ?? kwargs, options),
    }
    runInNewContext(typeScriptLine(call).replace('const job = await ', ''), { client })
    expect(got[0]).toBe(call.task)
    expectSame(parse(stringify(got[1])) as Json, call.input as Json)
    const { tags, ...options } = (got[2] ?? {}) as { tags?: readonly string[] }
    expect({ ...options, ...(tags && { tags: [...tags] }) }).toEqual(call.options)
  }
})

test('what is not seen, or turns the text around, is written as an escape', () => {
  const call: CallLine = { task: 'a', input: ['\u202e\u0000\u{e0001}'], options: {} }
  for (const line of [curlLine('http://localhost/', call), pythonLine(call), typeScriptLine(call)])
    expect(line).toMatch(/^[ -~\n]+$/)
  expect(typeScriptLine({ ...call, input: undefined })).toContain('…')
})

if (isFull)
  test('TypeScript compiles against the types of the tasks, and of any call', { timeout: 120_000 }, async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const lines: readonly CallLine[] = [
      {
        task: 'math.add',
        input: [1, 2],
        options: { tags: ['a'], idempotencyKey: "it's", webhook: 'https://a.example/' },
      },
      { task: 'reports.render', input: { title: "it's \u2028", pages: 5, format: 'pdf', draft: true }, options: {} },
      { task: 'echo', input: [{ __proto__x: null, 'a b': [9007199254740993n, 1.5, -2] }], options: {} },
      { task: 'math.add', input: [1, 2], options: { queue: 'slow', eta: '2026-11-30T12:05:09.000Z', priority: 3 } },
      { task: 'tasks.add', input: undefined, any: { args: [1], kwargs: { y: 2 } }, options: { countdown: 2 } },
    ]
    const begin = `import type { Client } from ${JSON.stringify(join(root, 'src/client/client.ts'))}
import type { Tasks } from ${JSON.stringify(join(root, 'test/http/scene.ts'))}
declare const client: Client<Tasks>
`
    const file = join(folder, 'calls.mts')
    await writeFile(file, begin + lines.map((line) => `{ ${typeScriptLine(line)}; void job }`).join('\n'))
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
      include: [file],
      exclude: [],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    expect(await output(process.execPath, [compiler, '-p', folder], { limit: 110_000 })).toBe('')
  })
