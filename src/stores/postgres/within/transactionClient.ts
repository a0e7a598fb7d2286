/** A client of the caller on which a transaction is open, of whatever library. */
export interface TransactionClient {
  /** The same object for all clients that share a connection: their statements take turns. */
  readonly connection: object
  /**
   * Run a statement with parameters `$1`, `$2`, each a text. Resolves with its rows: arrays, or objects whose keys are
   * in the order of the columns. Rejects with the library's error.
   */
  run(text: string, values: readonly (string | null)[]): Promise<readonly unknown[]>
  /**
   * Run `work` in a savepoint, which is undone if that rejects. Absent: `SAVEPOINT` as a statement does it.
   */
  savepoint?<Value>(work: (client: TransactionClient) => Promise<Value>): Promise<Value>
}

/** The rows of an answer, where that is an object with rows, as pg's. */
export function rowsOf(answer: unknown): readonly unknown[] {
  const rows = Array.isArray(answer) ? answer : (answer as { rows?: unknown } | undefined)?.rows
  return Array.isArray(rows) ? rows : []
}
