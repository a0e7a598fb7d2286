import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { StoreUnavailableError } from '../../std/errors.ts'
import { outdated } from '../migration.ts'

/** The row of `celeriac_meta`, in one statement for all that a write transaction needs of it. */
interface MetaRow {
  readonly version: number
  readonly minCompatible: number
  readonly changes: number
}

/**
 * What every write transaction reads first: whether this process may still write, and how many changes of records there
 * were. Another process may have migrated the file since this one opened it.
 */
export class Meta {
  readonly #own: number
  readonly #read: StatementSync
  readonly #write: StatementSync
  readonly #require: StatementSync
  /** The counter of changes within the open transaction: read once, written once. */
  #changes: number | undefined
  #before = 0
  #outdated: StoreUnavailableError | undefined
  #ends: ((isCommit: boolean) => void)[] = []

  /** `own`: the version of the tables that this process knows. */
  constructor(db: Pick<DatabaseSync, 'prepare'>, own: number) {
    this.#own = own
    this.#read = db.prepare('SELECT version, min_compatible AS minCompatible, changes FROM celeriac_meta')
    this.#write = db.prepare('UPDATE celeriac_meta SET changes = ?')
    this.#require = db.prepare('UPDATE celeriac_meta SET min_compatible = ? WHERE min_compatible < ?')
  }

  /** Why this process may not use the file any more. Once there is a reason it stays. */
  get outdated(): StoreUnavailableError | undefined {
    return this.#outdated
  }

  /** Inside a transaction, before its first write. Throws StoreUnavailableError where the file is too new. */
  begin(): void {
    const row = this.#row()
    if (row.minCompatible > this.#own) throw this.#refuse(row)
    this.#before = row.changes
    this.#changes = row.changes
  }

  /**
   * Inside a transaction that writes what only processes of this version and later understand: from its commit on
   * earlier ones neither read nor write the file. It is not lowered again.
   */
  require(version: number): void {
    this.#require.run(version, version)
  }

  /** Inside the transaction that `begin` began: the number of one more change. */
  next(): number {
    if (this.#changes === undefined) throw new TypeError('a change is numbered inside a transaction')
    this.#changes++
    return this.#changes
  }

  /** Inside a transaction: call this at its end, inside it and before its commit, or after its rollback. */
  atEnd(work: (isCommit: boolean) => void): void {
    this.#ends.push(work)
  }

  #end(isCommit: boolean): void {
    const ends = this.#ends
    this.#ends = []
    for (const work of ends) work(isCommit)
  }

  /** At the end of the transaction, inside it. */
  beforeCommit(): void {
    if (this.#ends.length > 0) this.#end(true)
    if (this.#changes !== undefined && this.#changes !== this.#before) this.#write.run(this.#changes)
  }

  /** After the commit or the rollback. */
  end(): void {
    if (this.#ends.length > 0) this.#end(false)
    this.#changes = undefined
  }

  /** The number of the last change that was committed, in any process; inside a transaction, of this one. */
  get changes(): number {
    return this.#changes ?? this.#row().changes
  }

  /** After a read that failed: whether the reason is that the file is too new. */
  check(): StoreUnavailableError | undefined {
    const row = this.#row()
    return row.minCompatible > this.#own ? this.#refuse(row) : undefined
  }

  #refuse(row: MetaRow): StoreUnavailableError {
    this.#outdated ??= outdated(row, this.#own)
    return this.#outdated
  }

  #row(): MetaRow {
    return this.#read.get() as unknown as MetaRow
  }
}
