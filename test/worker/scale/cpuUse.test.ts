import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { expect, it, onTestFinished } from 'vitest'
import { CpuUse, processTime } from '../../../src/worker/scale/cpuUse.ts'
import { until } from '../../app/lab.ts'

it('the time of a process, whatever its name', () => {
  const rest = 'R 1 2 3 4 5 6 7 8 9 10 250 50 13 14'
  expect(processTime(`123 (node) ${rest}`)).toBe(3000)
  expect(processTime(`123 (a) b) ( ${rest}) ${rest}`)).toBe(3000)
  expect(processTime(undefined)).toBeUndefined()
  expect(processTime('')).toBeUndefined()
})

it('a process that computes is seen, one that waits is not', async () => {
  const run = async (code: string): Promise<number> => {
    const child = spawn(process.execPath, ['-e', `console.log();${code}`], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    return child.pid as number
  }
  const pids = await Promise.all([run('for (;;);'), run('setInterval(() => 0, 1e6)')])
  const both = new CpuUse()
  const waiting = new CpuUse()
  expect(both.sample(pids).own).toBeUndefined()
  waiting.sample([pids[1] as number])
  let used = 0
  await until(() => {
    const { own = 0, cores } = both.sample(pids)
    expect(cores).toBeGreaterThanOrEqual(0)
    expect(cores).toBeLessThanOrEqual(1)
    expect(own).toBeLessThan(cpus().length * 2)
    used = Math.max(used, own)
    return used > 0.1
  })
  expect(waiting.sample([pids[1] as number]).own).toBeLessThan(0.1)
  expect(new CpuUse().sample([2 ** 22 + 1]).own).toBeUndefined()
})
