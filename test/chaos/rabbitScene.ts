import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { RabbitServer } from '../rabbitmq/server.ts'
import { sharedRabbit } from '../rabbitmq/shared.ts'
import { Scene, sceneFolder, until } from './scene.ts'

const QUEUE = 'celery'

type Server = RabbitServer | typeof sharedRabbit

/** A scene around a rabbitmq-server, with results in a file. Its leases are connections: the time of one means nothing here. */
export class RabbitScene extends Scene {
  readonly server: Server
  readonly #path: string
  readonly #own: boolean

  /** On a virtual host of its own on this server, or on a server of its own. */
  static async open(lease: number, server?: Server): Promise<RabbitScene> {
    const used = server ?? (await RabbitServer.start())
    const folder = sceneFolder()
    return new RabbitScene(used, server === undefined, lease, await used.empty(), folder, join(folder, 'results.db'))
  }

  private constructor(server: Server, own: boolean, lease: number, url: string, folder: string, path: string) {
    super(url, lease, folder, `sqlite:${path}`)
    this.server = server
    this.#own = own
    this.#path = path
  }

  async finished(tasks: number): Promise<boolean> {
    return this.count("celeriac_result WHERE state = 'SUCCESS'") === tasks
  }

  async checkEmpty(): Promise<void> {
    // The last acknowledgements follow the last results.
    await until('no message is left', async () => (await this.#messages()) === 0)
  }

  async waiting(): Promise<number> {
    return (await this.app.queueSize(QUEUE)) + (await this.#messages('messages_ready', '.held.'))
  }

  /** What a deliberate return leaves is a reason of its own. */
  async markedLost(): Promise<number> {
    return 0
  }

  async quiet(): Promise<boolean> {
    return true
  }

  /** Ids of the tasks that have a record, sorted. */
  recordIds(): string[] {
    return this.#query<{ id: string }>('SELECT id FROM celeriac_result ORDER BY 1').map(({ id }) => id)
  }

  count(from: string): number {
    return this.#query<{ n: number }>(`SELECT count(*) AS n FROM ${from}`)[0]?.n as number
  }

  override async close(): Promise<void> {
    this.server.resume()
    await super.close()
    if (this.#own) await this.server.stop()
  }

  /**
   * Of all queues of this scene, or those whose names hold this; but for remote control: what a killed worker was asked
   * goes with its queue, which expires.
   */
  async #messages(what = 'messages', part = ''): Promise<number> {
    const vhost = decodeURIComponent(new URL(this.store).pathname.slice(1))
    const lines = (await this.server.ctl('-p', vhost, 'list_queues', 'name', what)).split('\n')
    const tasks = lines.filter((line) => !line.includes('.celery.pidbox\t'))
    const counts = tasks.filter((line) => line.includes(part)).map((line) => Number(line.split('\t')[1] ?? 0))
    const sum = counts.reduce((total, count) => total + (Number.isNaN(count) ? 0 : count), 0)
    expect(sum).toBeGreaterThanOrEqual(0)
    return sum
  }

  #query<Row>(sql: string): Row[] {
    const db = new DatabaseSync(this.#path, { readOnly: true, timeout: 5000 })
    try {
      return db.prepare(sql).all() as unknown as Row[]
    } finally {
      db.close()
    }
  }
}

/** A server for the tests of a file, or with `shared` that of the test run, and scenes on it that end with their test. */
export function useRabbitServer(
  lease: number,
  { shared = false }: { shared?: boolean } = {},
): { server: () => Server; newScene: () => Promise<RabbitScene> } {
  let server: Server
  beforeAll(async () => {
    server = shared ? sharedRabbit : await RabbitServer.start()
  })
  afterAll(() => server.stop())
  const newScene = async (): Promise<RabbitScene> => {
    const scene = await RabbitScene.open(lease, server)
    onTestFinished(() => scene.close())
    return scene
  }
  return { server: () => server, newScene }
}
