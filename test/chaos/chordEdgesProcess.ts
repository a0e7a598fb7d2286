/* A worker that dies by SIGKILL at a call of its stores, or lives: see `ChordProcess`, in the variable CHORD. */
import { appendFileSync } from 'node:fs'
import { Celeriac, type CeleriacOptions, type Clock, chord, createLogger, currentTask } from 'celeriac'
import { Worker } from 'celeriac/worker'
import { systemClock } from '../../src/std/clock.ts'
import { storesOf } from '../app/stores.ts'

export interface ChordProcess {
  readonly options: CeleriacOptions
  /** Each run of a task is a line here: its name and its id. */
  readonly ledger: string
  readonly kill?: ChordKill
  /** How far its clock is ahead, ms. */
  readonly ahead?: number
}

/** The call of a store, or of an acknowledgement, at which the process dies: the `hit`-th. */
export interface ChordKill {
  readonly call: 'settle' | 'write' | 'submit' | 'submitGroup' | 'publish' | 'open' | 'adding' | 'end'
  readonly when: 'before' | 'after'
  readonly hit?: number
}

const { options, ledger, kill, ahead = 0 } = JSON.parse(process.env.CHORD ?? '') as ChordProcess
const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead }
const app = new Celeriac({ ...options, clock, logger: createLogger('silent') })
const note = (name: string): void => appendFileSync(ledger, `${name} ${currentTask()?.id}\n`)

const member = app.task('member', (value: number) => {
  note('member')
  return value
})
const sum = app.task('sum', (values: readonly number[]) => {
  note('sum')
  return values.reduce((total, value) => total + value, 0)
})
app.task('fan', (count: number): number => {
  const header = Array.from({ length: count }, (_, value) => member.s(value))
  return currentTask()?.replace(chord(header, sum.s())) as never
})
app.task('adding', async (value: number) => {
  note('adding')
  await currentTask()?.addToChord(member.s(1000))
  return value
})

/** Makes the process die at this method of an object. */
function dieAt({ call, when, hit = 1 }: ChordKill, object: object): void {
  const part = object as Record<string, (...args: unknown[]) => Promise<unknown>>
  const original = part[call]?.bind(object)
  if (!original) throw new TypeError(`expected a store with ${call}`)
  let hits = 0
  const pass = (at: ChordKill['when']): void => {
    if (at !== when || ++hits !== hit) return
    process.kill(process.pid, 'SIGKILL')
    // Nothing more may happen while the signal is on its way.
    for (;;);
  }
  part[call] = async (...args) => {
    // Not what workers tell each other.
    const isTask = call !== 'publish' || JSON.stringify(args[0]).includes('"member"')
    if (isTask) pass('before')
    const value = await original(...args)
    if (isTask) pass('after')
    return value
  }
}

if (kill) {
  const { broker, backend, unitOfWork } = await storesOf(app)
  const writes = backend.chords?.writes
  if (!writes) throw new TypeError('expected a store with chords')
  const owners = { settle: unitOfWork, write: unitOfWork, submit: unitOfWork, submitGroup: unitOfWork, publish: broker }
  dieAt(kill, { ...owners, open: writes, adding: writes, end: writes }[kill.call])
}
await new Worker(app, { concurrency: 4, logger: false }).start()
process.send?.('ready')
