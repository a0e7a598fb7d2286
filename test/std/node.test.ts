import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { nodeProblem } from '../../src/std/node.ts'
import { command } from '../command.ts'

/** A Node that says that it is of this version. */
const asVersion = (version: string): string =>
  `data:text/javascript,${encodeURIComponent(`Object.defineProperty(process.versions, 'node', { value: '${version}' })`)}`

test('the Node that is asked for is that of the package', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } }
  const needed = engines.node.replace('>=', '')
  expect(nodeProblem(`${needed}.0`)).toBeUndefined()
  expect(nodeProblem('22.17.9')).toBe(`expected Node ${needed} or newer, got 22.17.9`)
})

describe('on an old Node', () => {
  it.each(['celeriac', 'celeriac/worker', 'celeriac/beat', 'celeriac/http', 'celeriac/control', 'celeriac/events'])(
    "import '%s' says which Node it needs",
    async (name) => {
      const flags = ['--conditions=source', '--import', asVersion('20.20.2'), '--input-type=module']
      const { code, stderr } = await command(process.execPath, [...flags, '-e', `import '${name}'`])
      expect(stderr).toContain('Error: celeriac: expected Node 22.18 or newer, got 20.20.2')
      expect(code).toBe(1)
    },
  )

  it('the command line says so in one line', async () => {
    const flags = ['--conditions=source', '--import', asVersion('18.0.0'), 'src/cli/main.ts']
    const { code, stderr } = await command(process.execPath, flags)
    expect([code, stderr.replace(/^\(node.*\n/gm, '')]).toEqual([
      2,
      'celeriac: expected Node 22.18 or newer, got 18.0.0\n',
    ])
  })
})
