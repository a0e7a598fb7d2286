import { describe, expect, test } from 'vitest'
import { nodeProblem } from '../../src/std/node.ts'
import { version } from '../../src/std/version.ts'

describe('Node', () => {
  test.each(['22.18.0', '22.19.1', '24.0.0', process.versions.node])('%s will do', (running) => {
    expect(nodeProblem(running)).toBeUndefined()
  })

  test.each(['22.17.9', '20.20.2', '18.0.0', '8.18.0'])('%s will not, and it is said', (running) => {
    expect(nodeProblem(running)).toBe(`expected Node 22.18 or newer, got ${running}`)
  })
})

test('the version is that of the package', () => {
  expect(version()).toMatch(/^\d+\.\d+\.\d+/)
})
