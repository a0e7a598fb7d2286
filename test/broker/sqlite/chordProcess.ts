/*
 * A worker that dies by SIGKILL at a statement: `chordProcess.ts URL START HIT`. It does so before the statement that
 * begins with START is run for the HIT-th time; without a START it lives. Effects are rows of the table `effect`.
 */
import { DatabaseSync } from 'node:sqlite'
import { Celeriac, chord, createLogger, currentTask } from 'celeriac'
import { Worker } from 'celeriac/worker'
import { killAt } from './killAt.ts'

const [, , url = '', start = '', hit] = process.argv
if (start !== '') killAt(start, Number(hit))
const effects = new DatabaseSync(`${url.slice('sqlite:'.length)}-effects`, { timeout: 10_000 })
effects.exec('CREATE TABLE IF NOT EXISTS effect (task TEXT, id TEXT)')
const insert = effects.prepare('INSERT INTO effect VALUES (?, ?)')
const app = new Celeriac({ broker: url, lease: '1s', logger: createLogger('silent') })
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
await new Worker(app, { concurrency: 8, logger: false }).start()
process.send?.('ready')
