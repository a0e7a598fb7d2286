import { describe, expect, it } from 'vitest'
import { expand } from '../../src/canvas/expand.ts'
import { normalForm } from '../../src/canvas/normalForm.ts'
import { outlineOf } from '../../src/canvas/outline.ts'
import { parseConfig } from '../../src/config/config.ts'
import { chainData, chordData, chunksData, groupData, mapData, taskData } from '../../src/protocol/canvas.ts'
import { decodeTask, type TaskMessage } from '../../src/protocol/message.ts'
import { JSON_ONLY } from '../../src/protocol/serializer.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'

const app = { config: parseConfig({ broker: 'memory:' }), tasks: new Map() }
const before = { id: 'parent', rootId: 'root', replyTo: 'replies', origin: 'test', context: { trace: 1 } }

function expanded(signature: SignatureData, args: readonly unknown[] = ['r']) {
  const { id, sends, opens } = expand({ signature, args, id: 'end' }, before, app, Date.now())
  const messages = sends.map(({ submission }) => decodeTask(submission.message.envelope, JSON_ONLY))
  return { id, opens, messages, calls: messages.map(callOf) }
}

function callOf({ task, args }: TaskMessage): string {
  return `${task}(${args.map((arg) => JSON.stringify(arg)).join()})`
}

/** Run it as workers would, each task resulting in its name: which tasks run, with what. */
function run(signature: SignatureData, args: readonly unknown[] = []): string[] {
  const ran: string[] = []
  const chords = new Map<string, { size: number; parts: [number, unknown][]; body: SignatureData }>()
  const start = (one: SignatureData, given: readonly unknown[], id: string, chain?: readonly SignatureData[]): void => {
    const { sends, opens } = expand({ signature: one, args: given, id, chain }, before, app, 0)
    for (const { group, size } of opens) chords.set(group, { size, parts: [], body: one })
    for (const { submission } of sends) end(decodeTask(submission.message.envelope, JSON_ONLY))
  }
  const end = (message: TaskMessage): void => {
    const { id, embed, group, groupIndex = 0 } = message
    ran.push(callOf(message))
    const result = message.task
    for (const link of embed.callbacks ?? []) start(link, [result], `${id} link`)
    if (embed.chain) start(embed.chain.at(-1) as SignatureData, [result], `${id} next`, embed.chain.slice(0, -1))
    if (!embed.chord) return
    const chord = chords.get(group as string)
    if (!chord) throw new Error(`${id} is a part of ${group}, which is not open`)
    chord.parts.push([groupIndex, result])
    if (chord.parts.length > chord.size) throw new Error(`too many parts of ${group}`)
    if (chord.parts.length < chord.size) return
    const indexes = chord.parts.map(([index]) => index)
    expect(indexes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: chord.size }, (_, at) => at))
    const results = chord.parts.toSorted(([a], [b]) => a - b).map(([, value]) => value)
    start(embed.chord, [results], `${group} body`)
  }
  start(signature, args, 'end')
  for (const [group, { size, parts }] of chords) if (parts.length !== size) throw new Error(`${group} never completes`)
  return ran
}

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => taskData(name)) as [
  SignatureData,
  SignatureData,
  SignatureData,
  SignatureData,
]

describe('runs', () => {
  const cases: [string, SignatureData, string[]][] = [
    ['a chain', chainData([a, b, c]), ['a()', 'b("a")', 'c("b")']],
    ['chains in chains', chainData([a, chainData([b, chainData([c])]), d]), ['a()', 'b("a")', 'c("b")', 'd("c")']],
    ['a chain of one', chainData([a]), ['a()']],
    ['an empty chain', chainData([]), []],
    ['an empty chain in a chain', chainData([a, chainData([]), b]), ['a()', 'b("a")']],
    ['a group', groupData([a, b]), ['a()', 'b()']],
    ['groups in a group', groupData([a, groupData([b, groupData([c])]), d]), ['a()', 'b()', 'c()', 'd()']],
    ['an empty group', groupData([]), []],
    ['an empty group at the end', chainData([a, groupData([])]), ['a()']],
    ['a group, then a task', chainData([groupData([a, b]), c]), ['a()', 'b()', 'c(["a","b"])']],
    ['a header of one', chordData([a], b), ['a()', 'b(["a"])']],
    ['an empty header', chordData([], chainData([a, b])), ['a([])', 'b("a")']],
    ['an empty group in a chain', chainData([a, groupData([]), b]), ['a()', 'b([])']],
    ['a group as the body', chordData([a, b], groupData([c, d])), ['a()', 'b()', 'c(["a","b"])', 'd(["a","b"])']],
    [
      'a group as the body, then a task',
      chainData([chordData([a], groupData([b, c])), d]),
      ['a()', 'b(["a"])', 'c(["a"])', 'd(["b","c"])'],
    ],
    [
      'group after group',
      chainData([groupData([a, b]), groupData([c, d]), groupData([a]), b]),
      ['a()', 'b()', 'c(["a","b"])', 'd(["a","b"])', 'a(["c","d"])', 'b(["a"])'],
    ],
    [
      'chains in a header',
      chordData([chainData([a, b]), c, chainData([c, chainData([d])])], d),
      ['a()', 'b("a")', 'c()', 'c()', 'd("c")', 'd(["b","c","d"])'],
    ],
    [
      'a chain that ends with a group, in a header',
      chordData([a, chainData([b, groupData([c, d])]), a], b),
      ['a()', 'b()', 'c("b")', 'd("b")', 'a()', 'b(["a","c","d","a"])'],
    ],
    [
      'chords in a header',
      chordData([chordData([a, b], c), a, chordData([a], chainData([b, groupData([c, d])]))], d),
      ['a()', 'b()', 'c(["a","b"])', 'a()', 'a()', 'b(["a"])', 'c("b")', 'd("b")', 'd(["c","a","c","d"])'],
    ],
    [
      'chords one after the other',
      chainData([chordData([a], b), chordData([a, b], c), d]),
      ['a()', 'b(["a"])', 'a("b")', 'b("b")', 'c(["a","b"])', 'd("c")'],
    ],
    ['a chord as the body', chordData([a], chordData([b, c], d)), ['a()', 'b(["a"])', 'c(["a"])', 'd(["b","c"])']],
    ['a link that is a chain', { ...a, options: { link: [chainData([b, c])] } }, ['a()', 'b("a")', 'c("b")']],
    ['a link of a chain', chainData([a, b], { link: [c] }), ['a()', 'b("a")', 'c("b")']],
    ['a link of a chord', chordData([a], b, { link: [c] }), ['a()', 'b(["a"])', 'c("b")']],
    [
      'immutable tasks',
      chainData([a, { ...b, immutable: true, args: [1] }, groupData([{ ...c, immutable: true }, d])]),
      ['a()', 'b(1)', 'c()', 'd("b")'],
    ],
    ['what follows by the option', { ...a, options: { chain: [c, b] } }, ['a()', 'b("a")', 'c("b")']],
    [
      'what follows a group by the option',
      groupData([a, b], { chain: [d, c] }),
      ['a()', 'b()', 'c(["a","b"])', 'd("c")'],
    ],
  ]
  it.each(cases)('%s', (_, signature, expected) => {
    expect(run(signature)).toEqual(expected)
    const normal = normalForm(signature, 'end')
    expect(run(normal)).toEqual(expected)
    expect(normalForm(normal, 'another')).toEqual(normal)
  })
})

it('no two tasks of a workflow have the same id', () => {
  const deep = chainData([
    groupData([a, b]),
    groupData([c, d]),
    chordData([chordData([a], b), c], chordData([a, b], c)),
    d,
  ])
  const ids: string[] = []
  JSON.stringify(normalForm(deep, 'end'), (key, value: unknown) => {
    if (key === 'task_id') ids.push(value as string)
    return value
  })
  expect(ids).toContain('end')
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.length).toBe(16)
})

it('root, parent, replies and the request context go to each task that is sent', () => {
  const { messages } = expanded(groupData([a, chainData([b, c]), chordData([d], a)]))
  expect(messages).toHaveLength(3)
  for (const { rootId, parentId, replyTo, headers } of messages)
    expect({ rootId, parentId, replyTo, headers }).toEqual({
      rootId: 'root',
      parentId: 'parent',
      replyTo: 'replies',
      headers: { celeriac_context: { trace: 1 } },
    })
})

it('options of a group are those of its members; of a chord, of header and body; of a chain, of its first step', () => {
  const options = { priority: 3, queue: 'other', link_error: [d] }
  const errbacks = ({ embed }: TaskMessage): unknown => embed.errbacks?.map(({ task }) => task)
  const group = expanded(groupData([a, b], options)).messages
  expect(group.map(({ priority }) => priority)).toEqual([3, 3])
  expect(group.map(errbacks)).toEqual([['d'], ['d']])
  const [member] = expanded(chordData([a], b, options)).messages
  expect([member?.priority, member && errbacks(member)]).toEqual([3, undefined])
  expect(member?.embed.chord?.options).toMatchObject({ task_id: 'end', priority: 3, queue: 'other' })
  const [first] = expanded(chainData([a, b], options)).messages
  expect([first?.priority, first && errbacks(first)]).toEqual([3, ['d']])
  expect(first?.embed.chain?.[0]?.options).toEqual({ task_id: 'end', link_error: [d] })
})

it('stamps are carried', () => {
  const stamped = { ...a, options: { stamped_headers: ['job'], job: ['x'] } }
  const [message] = expanded(groupData([stamped])).messages
  expect(message).toMatchObject({ stampedHeaders: ['job'], stamps: { job: ['x'] } })
})

it('opens a chord with the number of its parts', () => {
  const header = [a, chainData([b, groupData([c, d])]), chordData([a, b], c)]
  expect(expanded(chordData(header, d)).opens.map(({ size }) => size)).toEqual([4, 2])
  expect(expanded(groupData([a, b])).opens).toEqual([])
})

it('options that every task gets which has none of its own', () => {
  const own = { ...b, options: { priority: 1 } }
  const normal = normalForm(chainData([a, groupData([own, c]), d]), 'end', { priority: 7 })
  const priorities: unknown[] = []
  JSON.stringify(normal, (key, value: unknown) => {
    if (key === 'priority') priorities.push(value)
    return value
  })
  expect(priorities).toEqual([7, 1, 7, 7])
})

it('an outline names the results, and what comes before them', () => {
  const outline = outlineOf(normalForm(chainData([a, groupData([b, c]), d]), 'end'))
  expect(outline).toMatchObject({ id: 'end', parent: { members: [{}, {}], parent: { parent: undefined } } })
  expect(outlineOf(normalForm(groupData([a]), 'end'))).toMatchObject({ id: 'end', members: [{}] })
})

it('map is one task, chunks are a group of them', () => {
  expect(expanded(mapData(a, [1, 2])).messages).toMatchObject([
    { task: 'celery.map', id: 'end', args: [], kwargs: { task: { task: 'a' }, it: [1, 2] } },
  ])
  const { messages } = expanded(chunksData(a, [[1], [2], [3]], 2))
  expect(messages.map(({ kwargs }) => kwargs.it)).toEqual([[[1], [2]], [[3]]])
})

it('what is no signature is refused, with its place', () => {
  expect(() => expanded(chainData([a, { task: 7 } as unknown as SignatureData]))).toThrow(
    'celery.chain.tasks[1].task: expected a task name, got number',
  )
  const body = { header: [a] }
  expect(() => expanded({ ...chordData([a], b), kwargs: body })).toThrow(
    'celery.chord.body: expected a signature object',
  )
  expect(() => expanded({ ...a, subtask_type: 'spiral' })).toThrow('a workflow of the kind spiral is not known')
})
