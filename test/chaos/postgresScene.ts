import { expect } from 'vitest'
import { PostgresServer, type PostgresServerOptions } from '../postgres/server.ts'
import { Scene } from './scene.ts'

/** What is in the store besides records. */
export interface Left {
  /** Messages that no consumer holds, delayed ones too. */
  readonly waiting: number
  readonly held: number
  /** Claims of messages that are gone. */
  readonly orphans: number
}

export const NOTHING_LEFT: Left = { waiting: 0, held: 0, orphans: 0 }

/** A scene around a PostgreSQL server of its own. */
export class PostgresScene extends Scene {
  readonly server: PostgresServer
  readonly database: string

  static async open(lease: number, options: PostgresServerOptions = {}): Promise<PostgresScene> {
    const server = await PostgresServer.start(options)
    return new PostgresScene(server, await server.empty(), lease)
  }

  private constructor(server: PostgresServer, url: string, lease: number) {
    super(url, lease)
    this.server = server
    this.database = new URL(url).pathname.slice(1)
  }

  async finished(): Promise<boolean> {
    const { waiting, held } = await this.left()
    return waiting + held === 0
  }

  async checkEmpty(): Promise<void> {
    expect(await this.left(), 'messages left').toEqual(NOTHING_LEFT)
  }

  /** Ask the server itself. Messages to the worker that asks them are not of a task. */
  async left(): Promise<Left> {
    const [row] = await this.#rows<{ waiting: string; held: string; orphans: string }>(`
      SELECT count(*) FILTER (WHERE m.seq IS NOT NULL AND c.seq IS NULL) AS waiting,
        count(*) FILTER (WHERE m.seq IS NOT NULL AND c.seq IS NOT NULL) AS held,
        count(*) FILTER (WHERE m.seq IS NULL) AS orphans
      FROM celeriac.message m FULL JOIN celeriac.claim c USING (seq)`)
    return { waiting: Number(row?.waiting), held: Number(row?.held), orphans: Number(row?.orphans) }
  }

  async waiting(): Promise<number> {
    return (await this.left()).waiting
  }

  async quiet(): Promise<boolean> {
    return true
  }

  async markedLost(): Promise<number> {
    return (await this.#rows('SELECT 1 FROM celeriac.message WHERE lost > 0')).length
  }

  /** Ids of the tasks in the queue, sorted. */
  async messageIds(): Promise<string[]> {
    return (await this.#rows<{ id: string }>('SELECT task_id AS id FROM celeriac.message')).map(({ id }) => id).sort()
  }

  /** Ids of the tasks that have a record, sorted. */
  async recordIds(): Promise<string[]> {
    return (await this.#rows<{ id: string }>('SELECT id FROM celeriac.result')).map(({ id }) => id).sort()
  }

  override async close(): Promise<void> {
    // Frozen or not there, it would be waited for.
    this.server.resume()
    await super.close()
    await this.server.stop()
  }

  #rows<Row extends object>(text: string): Promise<Row[]> {
    return this.server.sql<Row>(text, { database: this.database })
  }
}
