import { expect, onTestFinished, test } from 'vitest'
import { Celeriac, chain, chord } from '../../src/index.ts'
import { type Ended, project, run, runShared } from './harness.ts'

/** Fails for text that is no flowchart of Mermaid, by the grammar of what is used here. Returns its nodes and edges. */
function parseFlowchart(text: string): { nodes: string[]; edges: string[] } {
  const [first, ...lines] = text.trimEnd().split('\n')
  expect(first).toBe('flowchart LR')
  const [nodes, labels, edges, classes, defined]: string[][] = [[], [], [], [], []]
  let open = 0
  for (const line of lines.map((one) => one.trim())) {
    const [, box, boxLabel] = /^subgraph (\w+)\["([^"[\]{}|]*)"\]$/.exec(line) ?? []
    const [, node, label, style] = /^(\w+)\["([^"[\]{}|]*)"\]:::(\w+)$/.exec(line) ?? []
    const [, from, to] = /^(\w+) (?:-->|-\.->) (\w+)$/.exec(line) ?? []
    const [, name] = /^classDef (\w+) (?:[\w-]+:#?\w+,?)+$/.exec(line) ?? []
    if (box !== undefined) open += 1
    else if (line === 'end') open -= 1
    else expect([line, node ?? from ?? name ?? /^%%/.exec(line)?.[0]]).not.toContain(undefined)
    expect(open).toBeGreaterThanOrEqual(0)
    nodes?.push(...[box ?? node].filter((one) => one !== undefined))
    labels?.push(...[boxLabel ?? label].filter((one) => one !== undefined))
    if (from !== undefined) edges?.push(from, to as string)
    classes?.push(...[style].filter((one) => one !== undefined))
    defined?.push(...[name].filter((one) => one !== undefined))
  }
  expect(open).toBe(0)
  expect(new Set(nodes).size).toBe(nodes?.length)
  expect(nodes).toEqual(expect.arrayContaining(edges ?? []))
  expect(defined).toEqual(expect.arrayContaining(classes ?? []))
  return { nodes: labels ?? [], edges: edges ?? [] }
}

test('graph: a workflow of the store as Mermaid, or as JSON; revoke --tree ends all of it', async () => {
  const folder = project()
  const app = new Celeriac({ broker: `sqlite:${folder}/.celeriac/celeriac.db` })
  onTestFinished(() => app.close())
  const add = app.signature<number, number>('add', [1])
  const body = app.signature<number, readonly number[]>('sum')
  const odd = app.signature<number, number>('odd "name"; [x]', [1])
  const { id } = await chain(add, chord([odd, add], body)).delay()

  const drawn = await run(folder, ['graph', id])
  expect([drawn.code, drawn.stderr]).toEqual([0, ''])
  const { nodes, edges } = parseFlowchart(drawn.stdout)
  expect(nodes).toEqual([
    'add<br/>PENDING',
    'group<br/>PENDING',
    'odd #34;name#34;#59; #91;x#93;<br/>PENDING',
    'add<br/>PENDING',
    'sum<br/>PENDING',
  ])
  expect(edges).toHaveLength(4)

  const told = await runShared(folder, ['revoke', id, '--tree'])
  expect(told).toEqual({ code: 0, stdout: `revoked ${id}\n`, stderr: '' })
  const json = JSON.parse((await runShared(folder, ['graph', id, '--json'])).stdout)
  expect(json).toMatchObject({ id, state: 'REVOKED', total: 4, done: 4, truncated: false })
  const again: Ended = await runShared(folder, ['revoke', id, '--tree'])
  expect([again.code, again.stderr]).toEqual([1, `celeriac: workflow ${id} has ended already: REVOKED\n`])
})

test('graph of an id that is unknown, or is none', async () => {
  const folder = project()
  const unknown = await runShared(folder, ['graph', 'nothing'])
  expect([unknown.code, unknown.stdout]).toEqual([1, ''])
  expect(unknown.stderr).toMatch(/^celeriac: .*nothing.* \(sqlite:.*\)\n$/)
  const none = await runShared(folder, ['graph', ''])
  expect([none.code, none.stdout]).toEqual([2, ''])
  expect(none.stderr).toMatch(/^celeriac: workflow id: expected 1 to 255 printable characters, got ""\n$/)
})
