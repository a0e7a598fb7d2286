import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../app/lab.ts'
import { query } from '../postgres/shared.ts'
import type { RedisServer } from '../redis/server.ts'

/* All that a store keeps, as one text in which sentinels can be looked for. */

/** The file and its write-ahead log. */
export function sqliteText({ path }: Lab): string {
  return ['', '-wal'].map((end) => readFileSync(`${path}${end}`, 'latin1')).join('\n')
}

/** The snapshot, without compression. */
export async function redisText(server: RedisServer): Promise<string> {
  await server.cli('CONFIG', 'SET', 'rdbcompression', 'no')
  await server.cli('SAVE')
  return readFileSync(join(server.folder, 'dump.rdb'), 'latin1')
}

/** Each row of each table; bytes as text. */
export async function postgresText(url: string): Promise<string> {
  const [, schema = 'celeriac'] = url.split('?celeriac_schema=')
  const tables = await query<{ name: string; columns: string[]; types: string[] }>(
    url,
    `SELECT table_name AS name, array_agg(column_name::text) AS columns, array_agg(data_type::text) AS types
     FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_schema = $1 AND table_type = 'BASE TABLE' GROUP BY table_name`,
    [schema],
  )
  const texts: string[] = []
  for (const { name, columns, types } of tables) {
    const values = columns.map((column, at) =>
      types[at] === 'bytea' ? `encode("${column}", 'escape')` : `"${column}"::text`,
    )
    const rows = await query<{ text: string }>(
      url,
      `SELECT concat_ws(' ', ${values.join(', ')}) AS text FROM "${schema}"."${name}"`,
    )
    texts.push(...rows.map(({ text }) => text))
  }
  return texts.join('\n')
}

/** What waits in these queues, headers too. The messages stay. */
export async function rabbitText(url: string, queues: readonly string[]): Promise<string> {
  const { connect } = await import('amqplib')
  const connection = await connect(url)
  try {
    const texts: string[] = []
    for (const queue of queues) {
      const channel = await connection.createChannel()
      for (let got = await channel.get(queue); got; got = await channel.get(queue))
        texts.push(got.content.toString('latin1'), JSON.stringify(got.properties))
      await channel.close()
    }
    return texts.join('\n')
  } finally {
    await connection.close()
  }
}
