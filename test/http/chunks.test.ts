import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { createClient, type JobEvent } from '../../src/client/client.ts'
import { createHttp } from '../../src/http/api.ts'
import { type HttpServer, serve } from '../../src/http/server/serve.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { RedisServer } from '../redis/server.ts'
import { EventClient, type ServerEvent } from './eventClient.ts'

const until = (what: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(what()).toBe(true), { timeout: 20_000, interval: 5 })
const shown = ({ id, event, data }: ServerEvent): string => `${id ?? '-'} ${event} ${data}`
const STEP = 50

/** A worker whose task hands out `STEP` parts at each `step`, and a server with an app of its own on the same store. */
async function start(kind: string) {
  const folder = new Folder()
  onTestFinished(() => folder.remove())
  const redis = kind === 'redis' ? await RedisServer.start({ flags: ['--save', '900 1'] }) : undefined
  onTestFinished(() => redis?.stop())
  const broker = redis?.url() ?? folder.url()
  const open = (): App => {
    const app = new App({ broker, logger: createLogger('silent') })
    onTestFinished(() => app.close())
    return app
  }
  let [step, stepped] = [Promise.withResolvers<boolean>(), Promise.withResolvers<void>()]
  const define = (app: App) => {
    const tell = app.task({
      name: 'tell',
      input: z.object({}),
      retry: { max: 1, delay: 1, jitter: 'none' },
      exposeLogs: true,
      run: async (_, ctx) => {
        let part = 0
        for (;;) {
          stepped.resolve()
          if (!(await step.promise)) break
          for (let at = 0; at < STEP; at++) await ctx.chunk({ text: `${++part}` })
          ctx.log.info({ part }, 'a step')
        }
        if (ctx.attempt === 1) throw new RangeError('once')
        return part
      },
    })
    return { tell }
  }
  const work = open()
  define(work)
  const worker = new Worker(work)
  onTestFinished(() => worker.stop({ grace: 0 }))
  await worker.start()
  const serving = async (port: number): Promise<HttpServer> => {
    const app = open()
    return serve(createHttp(app, { expose: Object.values(define(app)) }), { port })
  }
  let server = await serving(0)
  onTestFinished(() => server.close())
  return {
    redis,
    port: server.port,
    url: server.url,
    types: undefined as unknown as ReturnType<typeof define>,
    /** The next parts; `more` false: the end of the run. */
    async step(more = true): Promise<void> {
      await stepped.promise
      const go = step.resolve
      step = Promise.withResolvers()
      stepped = Promise.withResolvers()
      go(more)
    },
    async restart(): Promise<void> {
      await server.close()
      server = await serving(server.port)
    },
  }
}

/** The events of a run of `steps`, from the number `from`. */
function run(attempt: number, steps: number, from: number): string[] {
  const told = [`state ${JSON.stringify({ state: 'STARTED', attempt })}`]
  for (let part = 1; part <= steps * STEP; part++) {
    told.push(`chunk ${JSON.stringify({ attempt, data: { text: `${part}` } })}`)
    if (part % STEP === 0)
      told.push(`log {"attempt":${attempt},"level":"info","message":"a step","fields":{"part":${part}}}`)
  }
  return told.map((text, at) => `${from + at} ${text}`)
}
const untimed = (text: string): string => text.replace(/"time":"[\d.:TZ-]+",/, '')

test.each(['sqlite', 'redis'])(
  'on %s: parts and lines over sockets, taken up in the middle, over a restart',
  async (kind) => {
    const scene = await start(kind)
    const client = createClient<typeof scene.types>(scene.url)
    const job = await client.submit('tell', {})
    const path = `/v1/jobs/${job.id}/events`
    const typed: JobEvent[] = []
    const reading = (async () => {
      for await (const event of job.events()) typed.push(event)
    })()
    const first = new EventClient(scene.port, path)
    await scene.step()
    await until(() => first.events.length === 2 + STEP + 1)
    expect(first.header('content-type')).toBe('text/event-stream')
    // In the middle of the parts of one step.
    const middle = new EventClient(scene.port, path, { 'last-event-id': '20' })
    await until(() => middle.events.length === first.events.length - 20)
    first.close()
    await scene.restart()
    await scene.step()
    await scene.step(false)
    await scene.step()
    await scene.step(false)
    const late = new EventClient(scene.port, path, { 'last-event-id': '30' })
    expect(await late.ended).toBe(true)
    await reading
    const second = 3 + 2 * (STEP + 1) + 1
    const life = [
      '1 state {"state":"PENDING","attempt":1}',
      ...run(1, 2, 2),
      `${second - 1} state {"state":"RETRY","attempt":2,"error":{"type":"RangeError","message":"once"}}`,
      ...run(2, 1, second),
      `${second + STEP + 2} result ${STEP}`,
    ]
    expect(first.events.map(shown).map(untimed)).toEqual(life.slice(0, first.events.length))
    expect(middle.events.map(shown).map(untimed)).toEqual(life.slice(20, first.events.length))
    expect(late.events.map(shown).map(untimed)).toEqual(life.slice(30))
    expect(typed.map(({ id }) => Number(id))).toEqual(life.map((_, at) => at + 1))
    expect(typed[2]).toEqual({ type: 'chunk', id: '3', attempt: 1, data: { text: '1' } })
    const line = typed.find(({ type }) => type === 'log')
    expect(line).toMatchObject({ attempt: 1, level: 'info', message: 'a step', fields: { part: STEP } })
  },
)

test('the data of each event is as the OpenAPI document says', async () => {
  const scene = await start('sqlite')
  const document = (await (await fetch(`${scene.url}/openapi.json`)).json()) as Record<string, unknown>
  const { components } = document
  const path = ['paths', '/v1/jobs/{id}/events', 'get', 'responses', '200', 'content', 'text/event-stream', 'x-events']
  const events = path.reduce((value, key) => value[key] as Record<string, unknown>, document) as Record<string, object>
  const ajv = new Ajv2020({ strict: false })
  ;(addFormats as unknown as typeof addFormats.default)(ajv)
  const job = await createClient<typeof scene.types>(scene.url).submit('tell', {})
  await scene.step()
  await scene.step(false)
  await scene.step(false)
  const client = new EventClient(scene.port, `/v1/jobs/${job.id}/events`)
  await client.ended
  for (const { event, data } of client.events) {
    const check = ajv.compile({ ...events[event], components })
    expect(check(JSON.parse(data)), `${event} ${data} ${JSON.stringify(check.errors)}`).toBe(true)
  }
  expect([...new Set(client.events.map(({ event }) => event))]).toEqual(['state', 'chunk', 'log', 'result'])
  expect(ajv.compile({ ...events.chunk, components })({ data: 1 })).toBe(false)
})

test('on redis: connections that are cut while parts are under way lose none and repeat none', async () => {
  const scene = await start('redis')
  const client = createClient<typeof scene.types>(scene.url)
  const job = await client.submit('tell', {})
  const texts: string[] = []
  const reading = (async () => {
    for await (const event of job.events())
      if (event.type === 'chunk' && event.attempt === 1) texts.push((event.data as { text: string }).text)
  })()
  for (let round = 0; round < 12; round++) {
    await scene.step()
    if (round % 2 === 0) await scene.redis?.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  }
  await scene.step(false)
  await scene.step(false)
  await reading
  expect(texts).toEqual(Array.from({ length: 12 * STEP }, (_, at) => `${at + 1}`))
})
