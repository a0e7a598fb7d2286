import { readFileSync } from 'node:fs'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { App } from '../../src/app/app.ts'
import { chord, group } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { Document } from '../docs/document.ts'
import { PostgresServer } from '../postgres/server.ts'

/* The statements of docs/postgres.md, with the roles that it makes. */

const [views = '', roles = '', grants = '', more = ''] = new Document('docs/postgres.md').code('sql')

let server: PostgresServer
let url: string

function as(role: string): string {
  return url.replace('//celeriac@', `//celeriac_${role}@`)
}

function define(app: App) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    sum: app.task('sum', (numbers: number[]) => numbers.reduce((one, other) => one + other, 0)),
  }
}

function open(role: string): App {
  const app = new App({ broker: as(role), logger: createLogger('silent') })
  onTestFinished(() => app.close())
  return app
}

async function run(role: string, sql: string): Promise<Record<string, unknown>[][]> {
  const client = new Client({ connectionString: as(role) })
  await client.connect()
  try {
    const answers = await client.query(sql)
    return (Array.isArray(answers) ? answers : [answers]).map(({ rows }) => rows)
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  server = await PostgresServer.start()
  url = await server.empty()
  await server.sql(roles, { database: new URL(url).pathname.slice(1) })
})
afterAll(() => server?.stop())

it('the owner makes the tables; before that, and without its grants, other roles get a ConfigError', async () => {
  const before = open('worker')
  await expect(before.queueSize('celery')).rejects.toThrow(/run `celeriac migrate` with a role that owns it/)
  await before.close()
  const owner = open('owner')
  expect(await owner.migrate()).toMatchObject([{ from: 0 }])
  await expect(open('web').queueSize('celery')).rejects.toMatchObject({ name: 'ConfigError' })
  await run('owner', grants)
})

it('a worker runs what a web process submits, which reads all of it', async () => {
  const app = open('worker')
  define(app)
  const worker = new Worker(app, { logger: false, hostname: 'celeriac@a' })
  await worker.start()
  onTestFinished(() => worker.stop({ grace: 0 }))
  const web = open('web')
  const { add, sum } = define(web)
  const sent = await add.applyAsync([1, 2], { tags: ['red'], owner: 'ann' })
  expect(await sent.get({ timeout: '20s' })).toBe(3)
  const many = await add.delayMany([
    [1, 1],
    [2, 2],
  ])
  expect(await Promise.all(many.map((one) => one.get({ timeout: '20s' })))).toEqual([2, 4])
  const whole = await chord(group([add.s(1, 1), add.s(2, 2)]), sum.s()).delay()
  expect(await whole.get({ timeout: '20s' })).toBe(6)
  expect((await web.jobs({ owner: 'ann' })).jobs).toMatchObject([{ id: sent.id, state: 'SUCCESS' }])
})

it('what a web process may not do without the last grants', async () => {
  const web = open('web')
  const { add } = define(web)
  const later = await add.applyAsync([1, 2], { countdown: '1h' })
  await expect(later.revoke()).rejects.toThrow(/permission denied/)
  await run('owner', more)
  await later.revoke()
  expect(await later.state()).toBe('REVOKED')
})

it('people read the views, and no table', async () => {
  const answers = await run('reader', views)
  expect(answers.length).toBe(4)
  expect(answers[3]).toMatchObject([{ task: 'add', state: 'SUCCESS' }])
  await expect(run('reader', 'SELECT * FROM celeriac.message')).rejects.toThrow(/permission denied for table message/)
  await expect(run('worker', 'UPDATE celeriac.meta SET version = 9')).rejects.toThrow(/permission denied/)
})

it('behind a pool of connections, the banner says what the page shows', async () => {
  const app = new App({ broker: `${url}?pgbouncer=true`, logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const { note } = await app.connect()
  expect(readFileSync(new URL('../../docs/postgres.md', import.meta.url), 'utf8')).toContain(`(${note})`)
  expect((await open('owner').connect()).note).toBeUndefined()
})
