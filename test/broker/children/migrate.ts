/*
 * Opens a file, which migrates it. Arguments: path, and of which call of SQLite it dies by SIGKILL, counted from the
 * beginning of the write transaction; 0: of none. It says how many calls there were.
 */
import { DatabaseSync, type SQLInputValue, type StatementResultingChanges, StatementSync } from 'node:sqlite'
import { openDatabase } from '../../../src/stores/sqlite/database.ts'

const [path = '', killAt] = process.argv.slice(2)
let calls = 0
let isWriting = false

function pass(sql: string): void {
  isWriting ||= sql === 'BEGIN IMMEDIATE'
  if (!isWriting || ++calls !== Number(killAt)) return
  process.kill(process.pid, 'SIGKILL')
  // Nothing more may happen while the signal is on its way.
  for (;;);
}

const { exec } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
  pass(sql)
  exec.call(this, sql)
}
const { run } = StatementSync.prototype
StatementSync.prototype.run = function (this: StatementSync, ...values: SQLInputValue[]): StatementResultingChanges {
  pass('')
  return run.apply(this, values as Parameters<typeof run>)
} as typeof run

process.send?.({ loaded: true })
await new Promise((resolve) => process.once('message', resolve))
openDatabase(path).close()
process.send?.({ calls }, () => process.disconnect())
