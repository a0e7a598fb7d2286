import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** Kill this process by SIGKILL before the statement that begins with `start` is run for the `hit`-th time. */
export function killAt(start: string, hit: number): void {
  let hits = 0
  const pass = (): void => {
    if (++hits !== hit) return
    process.kill(process.pid, 'SIGKILL')
    // Nothing more may happen while the signal is on its way.
    for (;;);
  }
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string): StatementSync {
    const statement = prepare.call(this, sql)
    if (!sql.startsWith(start)) return statement
    for (const method of ['run', 'get', 'all'] as const) {
      const original = statement[method].bind(statement) as (...values: unknown[]) => unknown
      const value = (...values: unknown[]): unknown => {
        pass()
        return original(...values)
      }
      Object.defineProperty(statement, method, { value })
    }
    return statement
  }
}
