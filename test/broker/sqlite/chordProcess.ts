/*
 * A worker, or a sender, that dies by SIGKILL: `chordProcess.ts URL KILL [MEMBERS]`, KILL as JSON (`Kill`). Effects are
 * rows of the table `effect`. With MEMBERS it is no worker: it sends a chord of so many, with the body `body`.
 */
import { DatabaseSync } from 'node:sqlite'
import { Celeriac, chord, createLogger, currentTask, type Signals } from 'celeriac'
import { Worker } from 'celeriac/worker'
import { killAt } from './killAt.ts'

/**
 * Where it dies: before the statement that begins with `statement`, or when it emits `signal`, for the `hit`-th time;
 * or in the task `adding`, once it has added a member. Default: it lives.
 */
export interface Kill {
  readonly statement?: string
  readonly signal?: keyof Signals
  readonly hit?: number
  readonly added?: true
}

const [, , url = '', text = '{}', members] = process.argv
const { statement, signal, hit = 1, added } = JSON.parse(text) as Kill
if (statement !== undefined) killAt(statement, hit)
const effects = new DatabaseSync(`${url.slice('sqlite:'.length)}-effects`, { timeout: 10_000 })
effects.exec('CREATE TABLE IF NOT EXISTS effect (task TEXT, id TEXT)')
const insert = effects.prepare('INSERT INTO effect VALUES (?, ?)')
const app = new Celeriac({ broker: url, lease: '1s', logger: createLogger('silent') })

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  // Nothing more may happen while the signal is on its way.
  for (;;);
}

const member = app.task('member', (value: number) => {
  insert.run('member', currentTask()?.id ?? '')
  return value
})
const sum = app.task('sum', (values: readonly number[]) => {
  insert.run('sum', currentTask()?.id ?? '')
  return values.reduce((total, value) => total + value, 0)
})
app.task('fan', (count: number): number => {
  const header = Array.from({ length: count }, (_, value) => member.s(value))
  return currentTask()?.replace(chord(header, sum.s())) as never
})
app.task('adding', async (value: number) => {
  insert.run('adding', currentTask()?.id ?? '')
  await currentTask()?.addToChord(member.s(1000))
  if (added) die()
  return value
})

let hits = 0
if (signal !== undefined) app.on(signal, () => ++hits === hit && die())
if (members === undefined) {
  await new Worker(app, { concurrency: 8, logger: false }).start()
  process.send?.('ready')
} else {
  const header = Array.from({ length: Number(members) }, (_, value) => member.s(value))
  await chord(header, sum.s().set({ taskId: 'body' })).delay()
}
