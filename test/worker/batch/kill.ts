import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import type { Lab } from '../../app/lab.ts'
import { defineBatches } from './tasks.ts'

/** A worker in a process of its own, and how many messages it holds. */
function startWorker(lab: Lab, ...flags: readonly string[]): { child: ChildProcess; busy(): number } {
  const child = fork(new URL('./worker.ts', import.meta.url), [lab.url, lab.backend ?? '', ...flags])
  let busy = 0
  child.on('message', (count) => {
    busy = count as number
  })
  lab.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return { child, busy: () => busy }
}

/** Cases of a worker that is killed: no item is lost, and none runs after its end. */
export function killCases(lab: () => Lab): void {
  it.each([
    ['while a batch gathers', 3, []],
    ['while a batch runs', 4, ['stuck']],
  ])('a worker that is killed %s: every item runs elsewhere', async (_, count, flags) => {
    const app = defineBatches(lab().app({ lease: '1s' }))
    const { child, busy } = startWorker(lab(), ...flags)
    const handles = await Promise.all(Array.from({ length: count }, (__, n) => app.send('kept', { n })))
    await expect.poll(busy, { timeout: 15_000, interval: 5 }).toBe(count)
    if (flags.length > 0)
      for (const handle of handles) await expect.poll(() => handle.state(), { timeout: 15_000 }).toBe('PROGRESS')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await lab().work(app, { concurrency: 1 })
    const results = await Promise.all(handles.map((handle) => handle.get({ timeout: '30s' })))
    expect(results).toEqual(handles.map((__, n) => n))
    const infos = await Promise.all(handles.map((handle) => handle.info()))
    for (const info of infos) expect(info?.worker).not.toMatch(/^other@/)
  })
}
