import type { LimitRule } from '../../../broker/limits.ts'
import type { Connection } from '../file.ts'
import { changeWindow } from '../window.ts'

/** The rules of limits. For use inside a transaction. */
export class LimitRuleRows {
  readonly #statements: Statements

  constructor(connection: Connection) {
    this.#statements = prepare(connection)
  }

  /** True where it was another rule before. */
  set(rule: LimitRule): boolean {
    const { setRule, removeRule } = this.#statements
    const { name } = rule
    const text = JSON.stringify(rule)
    const change = text === JSON.stringify({ name }) ? removeRule.run(name) : setRule.run(name, text)
    return Number(change.changes) === 1
  }

  /**
   * What waits is looked at again by the new rule, for keys that are not before `from`, as many as fit `duration`, ms.
   * Returns where the next ones begin; undefined at the end.
   */
  wake(rule: string, from: string, duration?: number): string | undefined {
    const { keys, wakeBlocking } = this.#statements
    let next = from
    const more = changeWindow((limit) => {
      const rows = keys.all(rule, next, limit) as unknown as { id: number; key: string }[]
      for (const { id } of rows) wakeBlocking.run(id)
      const last = rows.at(-1)
      if (last) next = afterKey(last.key)
      return rows.length
    }, duration)
    return more ? next : undefined
  }
}

/** The least key that comes after this one, in the order of bytes. */
export function afterKey(key: string): string {
  return `${key}\0`
}

type Statements = ReturnType<typeof prepare>

function prepare({ db }: Connection) {
  return {
    setRule: db.prepare(`INSERT INTO celeriac_limit_rule (name, rule) VALUES (?, ?)
      ON CONFLICT DO UPDATE SET rule = excluded.rule WHERE rule <> excluded.rule`),
    removeRule: db.prepare('DELETE FROM celeriac_limit_rule WHERE name = ?'),
    keys: db.prepare('SELECT id, key FROM celeriac_limiter WHERE rule = ? AND key >= ? ORDER BY key LIMIT ? + 0'),
    wakeBlocking: db.prepare('UPDATE celeriac_limiter SET wake = 0 WHERE id = ? AND (waits = 1 OR wake IS NOT NULL)'),
  }
}
