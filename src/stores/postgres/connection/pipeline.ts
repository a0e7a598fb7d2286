import { Buffer } from 'node:buffer'
import { Deferred } from '../../../std/deferred.ts'

/**
 * A statement of ours. Tables are named `celeriac.…`; each connection prepares it once under its name. Without a name
 * it is not kept: for one that is not sent again.
 */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** A parameter. Bytes are sent as they are, everything else as text. */
export type Value = string | number | boolean | Uint8Array | null

/** A statement with its parameters. */
export interface Step {
  readonly statement: Statement
  readonly values: readonly Value[]
}

/** A row of an answer: each column in PostgreSQL's text form, null for NULL. */
export type Row = readonly (string | null)[]

/** The part of pg's connection that speaks the extended protocol; pg-cursor and pg-query-stream use the same. */
export interface Protocol {
  readonly stream: { cork?(): void; uncork?(): void }
  parse(query: { readonly name: string; readonly text: string }): void
  bind(bound: { readonly statement: string; readonly values: readonly (string | Buffer | null)[] }): void
  execute(portal: { readonly rows?: number }): void
  sync(): void
  sendCopyFail(message: string): void
}

/** What one connection has prepared. */
export class Prepared {
  readonly #names = new Map<string, string>()
  readonly #isOff: boolean
  readonly #textOf: (text: string) => string
  #count = 0

  /** `isOff`: nothing is prepared, as where a pool gives another connection for each transaction. */
  constructor(textOf: (text: string) => string, isOff: boolean) {
    this.#textOf = textOf
    this.#isOff = isOff
  }

  /** The name by which the server knows the statement, or is to know it: then with the text that it has to prepare. */
  take(statement: Statement): { readonly name: string; readonly text?: string } {
    if (this.#isOff || statement.name === '') return { name: '', text: this.#textOf(statement.text) }
    const known = this.#names.get(statement.name)
    if (known !== undefined) return { name: known }
    const name = `${statement.name}_${++this.#count}`
    this.#names.set(statement.name, name)
    return { name, text: this.#textOf(statement.text) }
  }

  /** The server may know it or not: it is prepared again, under another name. */
  forget(statement: Statement): void {
    this.#names.delete(statement.name)
  }
}

/**
 * Several statements in one round trip and one transaction: PostgreSQL commits at the protocol's Sync, and an error of
 * one statement undoes all. Their columns are not described: the caller knows them.
 */
export class Pipeline {
  readonly #steps: readonly Step[]
  readonly #values: readonly (string | Buffer | null)[][]
  readonly #prepared: Prepared
  readonly #answers: Row[][]
  readonly #done = new Deferred<Row[][]>()
  #at = 0

  /** Throws TypeError for a value of another kind: once a part is sent, the server would wait for the rest. */
  constructor(steps: readonly Step[], prepared: Prepared) {
    this.#steps = steps
    this.#values = steps.map(({ values }) => values.map(sendable))
    this.#prepared = prepared
    this.#answers = steps.map(() => [])
  }

  /** The rows of each statement. Rejects with the raw error of the server or the connection. */
  get done(): Promise<Row[][]> {
    return this.#done.promise
  }

  submit(protocol: Protocol): void {
    protocol.stream.cork?.()
    try {
      for (const [at, { statement }] of this.#steps.entries())
        this.#send(statement, this.#values[at] as (string | Buffer | null)[], protocol)
      protocol.sync()
    } finally {
      protocol.stream.uncork?.()
    }
  }

  #send(statement: Statement, values: readonly (string | Buffer | null)[], protocol: Protocol): void {
    const { name, text } = this.#prepared.take(statement)
    if (text !== undefined) protocol.parse({ name, text })
    protocol.bind({ statement: name, values })
    protocol.execute({})
  }

  handleRowDescription(): void {
    // No description is asked for.
  }

  handleDataRow({ fields }: { readonly fields: Row }): void {
    this.#answers[this.#at]?.push(fields)
  }

  handleCommandComplete(): void {
    this.#at++
  }

  handleEmptyQuery(): void {
    this.#at++
  }

  handlePortalSuspended(): void {
    // A statement runs to its end.
  }

  handleCopyInResponse(protocol: Protocol): void {
    protocol.sendCopyFail('no data')
  }

  handleCopyData(): void {
    // No statement of ours copies.
  }

  handleError(error: unknown): void {
    for (const { statement } of this.#steps.slice(this.#at)) this.#prepared.forget(statement)
    this.#done.reject(error)
  }

  handleReadyForQuery(): void {
    this.#done.resolve(this.#answers)
  }
}

function sendable(value: Value): string | Buffer | null {
  if (value === null || typeof value === 'string') return value
  if (typeof value !== 'object') return String(value)
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
