/* The task module of the chaos tests: every task leaves a line in the ledger when it takes effect. */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Celeriac, createLogger, currentTask } from 'celeriac'
import { block } from '../wait.ts'
import { Crasher } from './crash.ts'
import { momentsFrom } from './moment.ts'
import { limitsByKey, readSettings } from './settings.ts'

const { store, backend, ledger, lease, crash, epoch, limits } = readSettings()
const moment = momentsFrom(epoch)
/** Appending is atomic: lines of several processes do not mix. */
const file = openSync(ledger, 'a')
const crasher = new Crasher(crash)

export const app = new Celeriac({ broker: store, backend, lease, logger: createLogger('error') })

function takeEffect(mark = ''): void {
  writeSync(file, `${currentTask()?.id} ${process.pid} ${moment()}${mark}\n`)
}

/** Takes effect in the middle of some 15 ms. */
app.task('chaos.effect', async (n: number) => {
  crasher.pass('body:before')
  await sleep(Math.random() * 15)
  takeEffect()
  await sleep(Math.random() * 15)
  crasher.pass('body:after')
  return n * 2
})

/** Notes in the ledger when it begins and when it ends; each run has a result of its own. */
app.task('chaos.mark', async (ms: number) => {
  takeEffect(' begin')
  await sleep(ms)
  takeEffect(' end')
  return `${process.pid}:${moment()}:${Math.random()}`
})

/** As `chaos.mark`, so many at once of each key, and so often. */
app.task(
  'chaos.limited',
  async (ms: number, _key: string) => {
    takeEffect(' begin')
    await sleep(ms)
    takeEffect(' end')
    return `${process.pid}:${moment()}:${Math.random()}`
  },
  limits ? limitsByKey((_ms: number, key: string) => key) : {},
)

/** A member of a chord: its result is its id. */
app.task('chaos.member', async (ms: number) => {
  takeEffect(' begin')
  await sleep(ms)
  takeEffect(' end')
  return currentTask()?.id
})

/** The body of a chord: the ids of its members, and what each run has of its own. */
app.task('chaos.body', (members: readonly string[]) => {
  takeEffect(' begin')
  takeEffect(' end')
  return `${members.join(',')}|${process.pid}:${moment()}:${Math.random()}`
})

/** The event loop stands still. */
app.task('chaos.block', (ms: number) => {
  takeEffect()
  block(ms)
  return process.pid
})

/** Waits, whatever it is told. */
app.task('chaos.wait', async (ms: number) => {
  takeEffect()
  await sleep(ms)
  return process.pid
})

/** Waits, and ends when it is told to stop. */
app.task('chaos.heed', async (ms: number) => {
  takeEffect()
  await sleep(ms, undefined, { signal: currentTask()?.signal })
  return process.pid
})

/** Takes its worker with it. */
app.task('chaos.die', () => {
  takeEffect()
  process.kill(process.pid, 'SIGKILL')
  for (;;);
})
