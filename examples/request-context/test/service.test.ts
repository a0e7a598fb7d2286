import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { emptyRabbit } from '../../../test/rabbitmq/shared.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'
import { Browser } from './browser.ts'

describe.each(['rabbitmq and redis', ...inFull('sqlite', 'postgres')])('request-context on %s', (kind) => {
  let redis: RedisServer | undefined
  let folder: Folder
  let server: Program

  async function logIn(name: string, headers: Readonly<Record<string, string>> = {}): Promise<Browser> {
    const browser = new Browser(server.url, headers)
    expect((await browser.post('/login', { name })).status).toBe(303)
    return browser
  }

  async function stores(): Promise<Record<string, string>> {
    if (kind === 'sqlite') return {}
    if (kind === 'postgres') return { BROKER_URL: await emptyPostgres() }
    redis = await RedisServer.start()
    return { BROKER_URL: await emptyRabbit(), RESULT_BACKEND: redis.url() }
  }

  beforeAll(async () => {
    folder = new Folder({ REPORTS_SECONDS: '0.2', ...(await stores()) })
    server = await folder.start('request-context')
  })

  afterAll(async () => {
    await folder?.close()
    await redis?.stop()
  })

  it('the mail of a child task, sent by its retry, has the link, user and language of the request', async () => {
    const [ada, grace] = [await logIn('ada', { 'accept-language': 'de-AT,de;q=0.9' }), await logIn('grace')]
    const [path, other] = [await ada.report('turnips & co'), await grace.report('bugs')]
    const page = await ada.outbox('Ihr Bericht: turnips &amp; co', 'to ada@lovelace.example')
    expect(page).toContain(`Hello ada,\n\n${server.url}${path}?from=mail\n`)
    expect(page).not.toContain('bugs')
    expect(page).not.toContain('grace')
    expect(await grace.outbox('Your report: bugs')).toContain(`${server.url}${other}?from=mail`)
    expect(await (await ada.get(`${path}?from=mail`)).text()).toContain('All there is to say about turnips &amp; co')
    expect((await ada.get(other)).status).toBe(404)
  })

  it('the hook after each task knows the request, too', async () => {
    const grace = await logIn('grace')
    await grace.report('compilers')
    await grace.outbox('Your report: compilers')
    // The hook of a mail comes after it.
    const page = await eventually(
      async () => (await grace.get('/outbox')).text(),
      (text) => text.split('mails.report').length > 2,
    )
    expect(page).toContain('<tr><td>reports.write<td>SUCCESS<td>POST /reports</tr>')
    expect(page).toContain('<tr><td>mails.report<td>SUCCESS<td>POST /reports</tr>')
    // The first attempt is no end of it: each mail is in the journal once.
    const mails = readdirSync(join(folder.path, '.celeriac/request-context/outbox')).length
    expect(mails).toBe(3)
    expect(page.match(/mails\.report/g)).toHaveLength(2)
  })

  it.each([
    ['instance', 'args[0].user: instances of User cannot be sent; send plain data'],
    ['socket', 'args[0].user.socket: instances of Socket cannot be sent; send plain data'],
    ['context', 'context.user.socket: instances of Socket cannot be sent; send plain data'],
    ['else', 'expected one of data, instance, socket, context'],
  ])('a call with %s fails where it is made', async (what, message) => {
    const response = await (await logIn('ada')).post('/lesson', { what })
    expect([response.status, await response.text()]).toEqual([422, expect.stringContaining(message)])
  })

  it('a call with data does not', async () => {
    const response = await (await logIn('ada')).post('/lesson', { what: 'data' })
    expect([response.status, await response.text()]).toEqual([202, expect.stringContaining('The task has the id')])
  })

  it('who is not logged in, or forges a cookie, is led to the log-in', async () => {
    const nobody = new Browser(server.url)
    expect((await nobody.post('/login', { name: 'eve' })).status).toBe(403)
    for (const path of ['/outbox', '/reports/00000000-0000-0000-0000-000000000000'])
      expect((await nobody.get(path)).status).toBe(303)
    expect((await new Browser(server.url, { cookie: 'user=ada.forged' }).post('/reports', { title: 'x' })).status).toBe(
      303,
    )
    const ada = await logIn('ada')
    expect(await (await ada.get('/')).text()).toContain('Reports for ada')
    await ada.post('/logout', {})
    expect(await (await ada.get('/')).text()).toContain('Who are you?')
  })

  it.each([{ title: '' }, { title: 'x'.repeat(101) }, {}])('a report of %j is refused', async (form) => {
    expect((await (await logIn('ada')).post('/reports', form as Record<string, string>)).status).toBe(422)
  })
})

describe('request-context with a public address', () => {
  it('makes links with it, whatever host name the request has', async () => {
    const folder = new Folder({ REPORTS_SECONDS: '0', PUBLIC_URL: 'https://reports.example/eu' })
    try {
      const server = await folder.start('request-context')
      const ada = new Browser(server.url)
      await ada.post('/login', { name: 'ada' })
      const path = await ada.report('turnips')
      expect(await ada.outbox('turnips')).toContain(`https://reports.example/eu${path}?from=mail`)
    } finally {
      await folder.close()
    }
  })
})

describe('the worker of request-context', () => {
  it.concurrent.for(['sqlite', ...inFull('redis')])(
    'is killed while it writes: the next one still knows the request, on %s',
    async (kind) => {
      const redis = kind === 'redis' ? await RedisServer.start() : undefined
      const stores: Record<string, string> = redis ? { BROKER_URL: redis.url() } : {}
      const folder = new Folder({ REPORTS_SECONDS: '1.5', REPORTS_LEASE: '1s', SESSION_SECRET: 'secret', ...stores })
      try {
        const server = await folder.serve('request-context/web.ts')
        const ada = new Browser(server.url, { 'accept-language': 'fr' })
        await ada.post('/login', { name: 'ada' })
        const worker = await folder.work('request-context/tasks.ts')
        const path = await ada.report('turnips')
        await worker.until(/reports\.write\[[^\]]+\] received/)
        await worker.end('SIGKILL')
        expect((await ada.get(path)).status).toBe(202)
        await folder.work('request-context/tasks.ts')
        expect(await ada.outbox('Votre rapport: turnips')).toContain(`${server.url}${path}?from=mail`)
        expect((await ada.get(path)).status).toBe(200)
        await eventually(
          async () => readdirSync(join(folder.path, '.celeriac/request-context/journal')),
          (entries) => entries.length === 2,
        )
      } finally {
        await folder.close()
        await redis?.stop()
      }
    },
  )
})
