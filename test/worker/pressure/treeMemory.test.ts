import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { treeMemory } from '../../../src/worker/pressure/treeMemory.ts'

const MB = 1024 ** 2
/** Uses so many MB, and starts another that uses them too; says when both are there, and ends with its input. */
const HOLDER = `
const held = Buffer.alloc(Number(process.argv[1]) * ${MB}, 1)
const say = () => process.stdout.write(String(held.length))
if (process.argv[2]) require('node:child_process')
  .spawn(process.execPath, ['-e', process.argv[2], process.argv[1]], { stdio: ['inherit', 'pipe', 'inherit'] })
  .stdout.once('data', say)
else say()
process.stdin.on('end', () => process.exit()).resume()
`

it('children, and what they start, count as long as they run', async () => {
  const before = treeMemory()
  const child: ChildProcess = spawn(process.execPath, ['-e', HOLDER, '100', HOLDER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')
  // The processes of Node themselves beside it; this process may have become smaller.
  expect(treeMemory() - before).toBeGreaterThan(200 * MB)
  expect(treeMemory() - before).toBeLessThan(500 * MB)
  child.stdin?.end()
  await once(child, 'exit')
  expect(treeMemory() - before).toBeLessThan(100 * MB)
})
