/* The module that threads and processes of celeriac load: their tasks compute or wait, and note each run in a file. */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadCeleriac } from './load.ts'
import { RUNS_FILE, type Scene } from './poolScene.ts'

const { url, backend, root, ledger } = JSON.parse(process.env.BENCH_POOL ?? '') as Scene
const { Celeriac, createLogger } = await loadCeleriac(root)
/** Appending is atomic: the runs of several children do not mix. */
const runs = ledger === '' ? undefined : openSync(ledger + RUNS_FILE, 'a')

export const app = new Celeriac({ broker: url, backend, logger: createLogger('error') })

/** `cpu` and `wait`: ms. */
export const pooled = app.task('bench.pooled', async (task: number, cpu: number, wait: number) => {
  if (runs !== undefined) writeSync(runs, Uint32Array.of(task))
  if (cpu > 0) compute(cpu * 1000)
  if (wait > 0) await sleep(wait)
  return null
})

/** Processor time of this thread, µs: beside others it takes longer. */
function compute(microseconds: number): void {
  const begun = spent()
  while (spent() - begun < microseconds);
}

function spent(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
