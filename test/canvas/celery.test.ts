import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expand } from '../../src/canvas/expand.ts'
import { parseConfig } from '../../src/config/config.ts'
import { chordParts, tasksOf } from '../../src/protocol/canvas.ts'
import { decodeTask, type TaskMessage } from '../../src/protocol/message.ts'
import { JSON_ONLY } from '../../src/protocol/serializer.ts'
import { canvasOf, readSignature, type SignatureData } from '../../src/protocol/signature.ts'

/*
 * Workflows that Celery 5.2.6 wrote, expanded here: the same messages as Celery sends for them.
 * `celery/envelopes.py` prints them.
 */

interface Sent {
  readonly task: string
  readonly id: string
  readonly group?: string | undefined
  readonly groupIndex?: number | undefined
  readonly args: readonly unknown[]
  readonly embed: Readonly<Record<string, unknown>>
}

type Headers = Readonly<Record<string, string | null>>

interface PythonCase {
  readonly signature: unknown
  readonly sent: readonly [Headers, [unknown[], Record<string, unknown>, Record<string, unknown>]][]
}

interface Case {
  readonly title: string
  readonly new: PythonCase
  readonly frozen: PythonCase
}

const [, ...cases] = readFileSync(join(import.meta.dirname, 'celery/envelopes.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

/** Celery 5.2.6 numbers these otherwise: two parts of one chord get the same index, or the order is lost. */
const OTHER_INDEXES = new Set(['chain that ends with a group in a header', 'group in a group'])

const app = { config: parseConfig({ broker: 'memory:' }), tasks: new Map() }
const before = { id: 'parent', rootId: 'root', replyTo: undefined, origin: 'test' }

function ours(signature: SignatureData): TaskMessage[] {
  const { sends } = expand({ signature, args: [100], id: 'derived' }, before, app, Date.now())
  return sends.map(({ submission }) => decodeTask(submission.message.envelope, JSON_ONLY))
}

function theirs({ sent }: PythonCase): Sent[] {
  return sent.map(([{ id, task, group, group_index }, [args, , embed]]) => ({
    id: id as string,
    task: task as string,
    group: group ?? undefined,
    groupIndex: (group_index as unknown as number) ?? undefined,
    args,
    embed,
  }))
}

/** What a call is, and in which group: without indexes where these say nothing. */
function viewOf({ id, task, args, group, groupIndex, embed }: Sent, indexes: boolean): unknown {
  const { chord, chain, callbacks, errbacks } = embed
  const list = (value: unknown): unknown => ((value ?? []) as unknown[]).map((one) => brief(one, indexes))
  return {
    id,
    task,
    args,
    group,
    index: chord && indexes ? groupIndex : undefined,
    chord: chord ? brief(chord, indexes) : undefined,
    chain: list(chain),
    links: [list(callbacks), list(errbacks)],
  }
}

function brief(value: unknown, indexes: boolean): unknown {
  const signature = readSignature(value, 'signature')
  const { task, args, options } = signature
  const of = (one: SignatureData): unknown => brief(one, indexes)
  const { chord, group_id: group, link = [], link_error = [] } = options
  switch (canvasOf(signature)) {
    case 'chord': {
      const { header, options: own, body } = chordParts(signature, 'chord')
      const members = header.map(({ options: { chord: _, ...rest }, ...one }) => of({ ...one, options: rest }))
      return { header: members, group: own.task_id, body: of(body) }
    }
    case 'chain':
      return { steps: tasksOf(signature, 'chain').map(of) }
    case 'group': {
      const members = tasksOf(signature, 'group').map(of)
      return { members }
    }
    default: {
      const part = chord
        ? { group, index: indexes ? options.group_index : undefined, chord: brief(chord, indexes) }
        : {}
      const links = [link, link_error].map((list) => (list as unknown[]).map((one) => brief(one, indexes)))
      return { task, args, id: options.task_id, ...part, links }
    }
  }
}

/** Ids by their first appearance: those of two programs can be compared. `keys`: where such ids are. */
function numbered(view: unknown, keys: readonly string[]): unknown {
  const names = new Map<string, string>()
  const name = (id: string): string => {
    if (!names.has(id)) names.set(id, `#${names.size}`)
    return names.get(id) as string
  }
  const walk = (value: unknown, key = ''): unknown => {
    if (typeof value === 'string') return keys.includes(key) ? name(value) : value
    if (Array.isArray(value)) return value.map((item) => walk(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([inner, item]) => [inner, walk(item, inner)]))
  }
  return walk(view)
}

describe.each(cases)('$title', ({ title, ...kinds }) => {
  it.each(['new', 'frozen'] as const)('%s', (kind) => {
    const example = kinds[kind]
    const signature = readSignature(example.signature, 'signature')
    const indexes = !OTHER_INDEXES.has(title)
    const got = ours(signature)
    const expected = theirs(example)
    if (title === 'group in a group') {
      // The ids of its members go with the arguments: Celery itself sends them in another order once they have ids.
      const byArgs = (one: { args: readonly unknown[] }): string => JSON.stringify(one.args)
      got.sort((a, b) => byArgs(a).localeCompare(byArgs(b)))
      expected.sort((a, b) => byArgs(a).localeCompare(byArgs(b)))
    }
    const [mine, python] = [got, expected].map((list) => list.map((one) => viewOf(one as unknown as Sent, indexes)))
    // Celery gives a header that it has read a new id, also where it had one; here the id stays.
    const derived = kind === 'frozen' ? ['group'] : ['id', 'group']
    expect(numbered(mine, derived)).toEqual(numbered(python, derived))
    for (const { parentId, rootId } of got) expect([parentId, rootId]).toEqual(['parent', 'root'])
  })
})

it('expanding a second time sends the same ids', () => {
  for (const { new: example } of cases) {
    const signature = readSignature(example.signature, 'signature')
    expect(ours(signature).map(({ id }) => id)).toEqual(ours(signature).map(({ id }) => id))
  }
})
