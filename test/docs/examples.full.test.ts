import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { project, Running, start } from '../cli/harness.ts'
import { RabbitServer } from '../rabbitmq/server.ts'
import { RedisServer } from '../redis/server.ts'
import { eventually } from '../wait.ts'
import { type Command, curl, Document } from './document.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let redis: RedisServer
let rabbit: RabbitServer

beforeAll(async () => {
  ;[redis, rabbit] = await Promise.all([RedisServer.start(), RabbitServer.start()])
})

afterAll(() => Promise.all([redis?.stop(), rabbit?.stop()]))

/** Addresses that the documents name, and where they are here. */
function here(word: string): string {
  return word.replace('127.0.0.1:6379', `127.0.0.1:${redis.port}`).replace('127.0.0.1:5672', `127.0.0.1:${rabbit.port}`)
}

/** Every word behind the first ones, which are as expected. */
function after({ words }: Command, ...first: string[]): string[] {
  expect(words.slice(0, first.length)).toEqual(first)
  return words.slice(first.length).map(here)
}

/** `npm start -- NAME …`, once it is up; what it keeps is kept in a folder of its own. */
async function startExample(command: Command, env: Readonly<Record<string, string>>): Promise<Service> {
  const [name = '', ...flags] = after(command, 'npm', 'start', '--')
  const script = join(ROOT, 'scripts/start.mjs')
  const running = new Running(process.execPath, [script, name, ...flags, '--port', '0'], ROOT, env)
  // The script passes the signal on; killed, it could not.
  onTestFinished(async () => {
    running.child.kill('SIGTERM')
    await running.ended
  })
  const at = new RegExp(`${name} is at (http://[\\w.:]+\\d)`)
  await running.until(at)
  await running.until(/ ready/)
  return { base: at.exec(running.stdout)?.[1] ?? '', stop: () => stop(running) }
}

/** `npm run celeriac -- serve …` beside `npm run celeriac -- worker …`. */
async function startBoth(serve: Command, work: Command, env: Readonly<Record<string, string>>): Promise<Service> {
  const server = start(ROOT, [...after(serve, 'npm', 'run', 'celeriac', '--'), '--port', '0'], env)
  const worker = start(ROOT, after(work, 'npm', 'run', 'celeriac', '--'), env)
  const at = /HTTP API at (\S+)/
  await Promise.all([server.until(at), worker.until(/ ready/)])
  const stopBoth = async (): Promise<void> => {
    await Promise.all([stop(server), stop(worker)])
  }
  return { base: at.exec(server.stdout)?.[1] ?? '', stop: stopBoth }
}

interface Service {
  readonly base: string
  stop(): Promise<void>
}

async function stop(running: Running): Promise<void> {
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
}

/** Code, however deep it is indented. */
function flat(code: string): string {
  return code.replace(/\s+/g, ' ').trim()
}

/** The code that a README shows is that of the example. */
function expectCode(name: string, readme: Document): void {
  const folder = join(ROOT, 'examples', name)
  const sources = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  const code = flat(sources.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n'))
  for (const block of readme.code('ts')) expect(code).toContain(flat(block))
}

describe('examples/plots/README.md', () => {
  const readme = new Document('examples/plots/README.md')

  it('its code', () => {
    expect(readme.code('ts')).toHaveLength(4)
    expectCode('plots', readme)
  })

  it('its commands', async () => {
    const env = { BROKER_URL: `sqlite:${join(project(), 'plots.db')}`, PLOTS_SECONDS: '0.3' }
    const asking = ['-i', "'http", '-o', '-N'].map((start) => readme.take(`curl ${start}`))
    const [page, progress, picture, events] = asking as [Command, Command, Command, Command]
    const see = async ({ base, stop }: Service): Promise<void> => {
      const [, jobid = ''] = /data-jobid="([^"]+)"/.exec(await (await curl(page, base)).text()) ?? []
      const id = { '<jobid>': jobid }
      const told = await (await curl(events, base, id)).text()
      expect(told).toContain('data: {"state":"SUCCESS","progress":1}')
      expect(await (await curl(progress, base, id)).json()).toEqual({ state: 'SUCCESS', progress: 1 })
      const { status, headers } = await curl(picture, base, id)
      expect([status, headers.get('content-type')]).toEqual([200, 'image/png'])
      await stop()
    }
    await see(await startExample(readme.take('npm start -- plots'), env))
    await see(await startBoth(readme.take('npm run celeriac'), readme.take('npm run celeriac'), env))
    await see(await startExample(readme.take('npm start -- plots --broker amqp'), env))
    await see(await startExample(readme.take('npm start -- plots --broker redis'), env))
    expect(readme.rest).toEqual([])
  })
})

describe('examples/workflow/README.md', () => {
  const readme = new Document('examples/workflow/README.md')

  it('its code', () => {
    expect(readme.code('ts')).toHaveLength(3)
    expectCode('workflow', readme)
  })

  it('its commands', async () => {
    const env = { BROKER_URL: `sqlite:${join(project(), 'workflow.db')}`, REPORT_SECONDS: '0' }
    const [begin, show, follow] = [readme.take('curl -X'), readme.take('curl'), readme.take('curl -N')]
    const see = async ({ base, stop }: Service): Promise<void> => {
      const answer = (await (await curl(begin, base)).json()) as { id: string; location: string }
      const ids = { '<id>': answer.id, '<group>': answer.location.split('=')[1] as string }
      expect(await (await curl(follow, base, ids)).text()).toContain('data: {"state":"SUCCESS","done":200,"total":200,')
      const shown = await (await curl(show, base, ids)).json()
      expect(shown).toMatchObject({ state: 'SUCCESS', report: { pages: 199, failed: [{ page: 113 }] } })
      await stop()
    }
    await see(await startExample(readme.take('npm start -- workflow'), env))
    await see(await startBoth(readme.take('npm run celeriac'), readme.take('npm run celeriac'), env))
    await see(await startExample(readme.take('npm start -- workflow --broker redis'), env))
    expect(readme.rest).toEqual([])
  })
})

describe('examples/long-running/README.md', () => {
  const readme = new Document('examples/long-running/README.md')

  it('its code', () => {
    expect(readme.code('ts')).toHaveLength(3)
    expectCode('long-running', readme)
  })

  it('its commands', async () => {
    const env = { BROKER_URL: `sqlite:${join(project(), 'tasks.db')}`, LONG_RUNNING_SECONDS: '0.6' }
    const synchronous = readme.take('curl -X POST http://127.0.0.1:5000/long')
    const submit = readme.take('curl -X POST')
    const [status, result] = [readme.take('curl'), readme.take('curl')]
    const see = async ({ base, stop }: Service): Promise<void> => {
      const answered = await (await curl(submit, base)).text()
      const { task_id } = JSON.parse(answered)
      const asWritten = (text: string): string => text.replaceAll(task_id, '<task_id>')
      expect(asWritten(answered)).toBe(submit.comment)
      const ask = async (command: Command): Promise<string> =>
        asWritten(await (await curl(command, base, { '<task_id>': task_id })).text())
      // Which of them it is depends on the moment.
      const states = /^\{"task_status":"(PENDING|STARTED|STEP 1|STEP 2|SUCCESS)"\}$/
      expect([await ask(status), status.comment]).toEqual([
        expect.stringMatching(states),
        expect.stringMatching(states),
      ])
      await eventually(
        () => ask(result),
        (text) => text === result.comment,
      )
      expect(await (await curl(synchronous, base)).text()).toBe(synchronous.comment)
      await stop()
    }
    await see(await startExample(readme.take('npm start -- long-running'), env))
    await see(await startBoth(readme.take('npm run celeriac'), readme.take('npm run celeriac'), env))
    await see(await startExample(readme.take('npm start -- long-running --broker redis'), env))
    const [, ...measure] = readme.take('node').words
    const { code, stdout } = await new Running(process.execPath, measure, ROOT).ended
    expect(code).toBe(0)
    const rows = stdout.match(/^\d .*$/gm)?.map((row) => row.split(/ {3,}/)) ?? []
    expect(rows).toHaveLength(8)
    const waits = (processes: string, calls: RegExp): number[] =>
      rows.filter((row) => row[0] === processes && calls.test(row[1] ?? '')).map((row) => Number(row.at(-1)))
    expect(Math.min(...waits('1', / synchronous/), ...waits('2', /3 synchronous/))).toBeGreaterThan(1)
    expect(Math.max(...waits('1', / asynchronous/), ...waits('2', / asynchronous/))).toBeLessThan(1)
    expect(readme.rest).toEqual([])
  })
})
