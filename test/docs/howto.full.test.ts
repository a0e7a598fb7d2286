import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import type { AnyTask } from '../../src/index.ts'
import { ConfigError } from '../../src/std/errors.ts'
import { packageFile } from '../../src/std/packageFile.ts'
import { CONVENTIONS_VERSION } from '../../src/telemetry/otel/attributes.ts'
import { Running, run, start } from '../cli/harness.ts'
import { readDockerfile } from '../deploy/dockerfile.ts'
import { startBrowser } from '../http/browser.ts'
import { emptyPostgres } from '../postgres/shared.ts'
import { RabbitServer } from '../rabbitmq/server.ts'
import { freePort, RedisServer } from '../redis/server.ts'
import { written } from '../stores/written.ts'
import { APART, APP, AROUND, blockModule } from './aroundPages.ts'
import { type Command, curl, Document } from './document.ts'
import { celeriac, folderWith, node, serve, typeErrors } from './reader.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = 'docs/how-to'

let redis: RedisServer
let rabbit: RabbitServer
let databases = 0
beforeAll(async () => {
  ;[redis, rabbit] = await Promise.all([RedisServer.start({ appendonly: true }), RabbitServer.start()])
})
afterAll(() => Promise.all([redis?.stop(), rabbit?.stop()]))

/** A page, and a folder with the files that it shows: those whose name stands on the line before. Servers are those of the test. */
function follow(name: string): { page: Document; folder: string; files: string[]; here: (text: string) => string } {
  const database = redis.url(databases++)
  const here = (text: string): string =>
    text.replaceAll('redis://127.0.0.1:6379/0', database).replaceAll('127.0.0.1:5672', `127.0.0.1:${rabbit.port}`)
  const text = readFileSync(join(ROOT, PAGES, `${name}.md`), 'utf8')
  const shown = [...text.matchAll(/`([\w.]+)`[^`\n]*:\n\n```\w+\n([\s\S]*?)^```$/gm)]
  const files = Object.fromEntries(shown.map(([, file = '', content = '']) => [file, here(content)]))
  return { page: new Document(join(PAGES, `${name}.md`)), folder: folderWith(files), files: Object.keys(files), here }
}

/** Types of the page's TypeScript; one that is meant to be refused would be told. */
function typesOf({ folder, files }: { folder: string; files: string[] }): Promise<string[]> {
  return typeErrors(
    folder,
    files.filter((file) => file.endsWith('.ts')),
  )
}

/** A worker by the page's own command, once it is ready. */
async function work(folder: string, command: Command, here = (text: string) => text): Promise<Running> {
  const worker = start(folder, celeriac(command).map(here))
  await worker.until(/ ready/)
  return worker
}

async function stop(running: Running): Promise<void> {
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
}

it('resources and hooks', async () => {
  const { folder, files } = follow('resources-and-hooks')
  expect(files).toEqual(['tasks.ts'])
  expect(await typesOf({ folder, files })).toEqual([])
  const worker = start(folder, ['worker', '-A', 'tasks.ts'])
  await worker.until(/ ready/)
  expect((await run(folder, ['call', 'answer', '--wait'])).stdout).toBe('42\n')
  await stop(worker)
})

it('test your tasks', async () => {
  const followed = follow('test-your-tasks')
  const { page, folder } = followed
  const types = typesOf(followed)
  const args = page.take('node --test').words.slice(1)
  const { code, stdout } = await new Running(process.execPath, [...process.execArgv, ...args], folder).ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/pass 5\n/) })
  expect([await types, page.rest]).toEqual([[], []])
})

it('traces-and-metrics: its lines have the types, and its version of the conventions is the one in use', async () => {
  const page = new Document(join(PAGES, 'traces-and-metrics.md'))
  const lines = ["import { Celeriac } from 'celeriac'", 'const app = new Celeriac()', ...page.code('ts')]
  const folder = folderWith({ 'tasks.ts': lines.join('\n') })
  symlinkSync(join(ROOT, 'node_modules/@opentelemetry'), join(folder, 'node_modules/@opentelemetry'))
  expect([lines.length, await typeErrors(folder, ['tasks.ts'])]).toEqual([4, []])
  expect(readFileSync(join(ROOT, PAGES, 'traces-and-metrics.md'), 'utf8')).toContain(
    `semantic conventions ${CONVENTIONS_VERSION}:`,
  )
})

it('break the network', async () => {
  const followed = follow('break-the-network')
  const { page, folder } = followed
  const types = typesOf(followed)
  const args = page.take('node --test').words.slice(1)
  const { code, stdout } = await new Running(process.execPath, [...process.execArgv, ...args], folder).ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/pass [1-9]/) })
  expect([await types, page.rest]).toEqual([[], []])
})

it('choose a broker', async () => {
  const followed = follow('choose-a-broker')
  const { page, folder } = followed
  const types = typesOf(followed)
  const database = await emptyPostgres()
  const here = (text: string): string => followed.here(text.replace(/^postgres:.*/, database))
  for (const _ of ['postgres', 'redis', 'rabbitmq']) {
    const worker = await work(folder, page.take('npx celeriac worker'), here)
    const called = await run(folder, celeriac(page.take('npx celeriac call')).map(here))
    expect(called).toMatchObject({ code: 0, stdout: '5\n' })
    await stop(worker)
  }
  expect(await types).toEqual([])
  expect(page.rest).toEqual(['npm install pg', 'npm install ioredis', 'npm install amqplib'])
})

it('stream output', async () => {
  const followed = follow('stream-output')
  const { page, folder } = followed
  const types = typesOf(followed)
  const { base, server } = await serve(folder, page.take('npx celeriac dev'))
  const client = readFileSync(join(folder, 'client.ts'), 'utf8')
  // Elsewhere: what is written in the folder starts the server anew.
  const elsewhere = folderWith({ 'client.ts': client.replace('http://127.0.0.1:5000', base) })
  const [calling = '', reading = ''] = [page.take('node client'), page.take('node read')].map(({ words }) => words[1])
  expect(await Promise.all([node(elsewhere, calling), node(folder, reading)])).toEqual([
    'Once upon a time there was a fox.\n33 characters\n',
    'Once upon a time there was a hare.\n',
  ])
  const browser = await startBrowser()
  const tab = await browser.newPage()
  const [html = ''] = page.code('html')
  await tab.route(`${base}/story`, (route) => route.fulfill({ contentType: 'text/html', body: html }))
  await tab.goto(`${base}/story`)
  await tab.getByText('Once upon a time there was a fox.', { exact: true }).waitFor()
  await browser.close()
  expect([await types, page.rest]).toEqual([[], []])
  await stop(server)
})

it('fan out and collect', async () => {
  const followed = follow('fan-out-and-collect')
  const { page, folder } = followed
  const types = typesOf(followed)
  const worker = await work(folder, page.take('npx celeriac worker'))
  const [collect = '', partial = '', many = '', cancel = ''] = [1, 2, 3, 4].map(() => page.take('node').words[1])
  const counted = [1, 2, 3, 4, 5].map((done) => `${done} of 5: SUCCESS\n`)
  expect(await node(folder, collect)).toBe(`${counted.join('')}total: 150\n`)
  expect(await node(folder, partial)).toBe('ChordError\n{"done":2,"failed":[13]}\n')
  expect(await node(folder, many)).toBe(`${10 * (100 * 10_000 + (9_999 * 10_000) / 2)}\n`)
  expect(await node(folder, cancel)).toBe('2\nChordError\n')
  expect([await types, page.rest]).toEqual([[], []])
  await stop(worker)
})

it('wait for an answer', async () => {
  const followed = follow('wait-for-an-answer')
  const { page, folder } = followed
  const types = typesOf(followed)
  const [port, file] = [await freePort(), join(folder, 'page.ts')]
  writeFileSync(file, readFileSync(file, 'utf8').replace('5001', String(port)))
  const { base, server } = await serve(folder, page.take('npx celeriac dev'))
  const client = createClient<{ refund: AnyTask }>(base)
  const answered = async (order: string, answer: (token: string) => Promise<unknown>): Promise<unknown> => {
    const job = await client.submit('refund', { order, euros: 20 })
    const link = new RegExp(`for ${order}\\? http://127.0.0.1:5001/(\\S+)`)
    await server.until(link)
    await answer(link.exec(server.stdout)?.[1] as string)
    return job.result({ timeout: 20_000 })
  }
  const asked = page.take('curl')
  const first = await answered('one', async (token) => {
    expect((await curl(asked, base, { '<token>': token })).status).toBe(204)
  })
  expect(first).toBe('one: 20 € are on their way')
  const own = new Running(process.execPath, [...process.execArgv, page.take('node').words[1] ?? ''], folder)
  const second = await answered('two', async (token) => {
    await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/`), { timeout: 10_000, interval: 20 })
    const browser = await startBrowser()
    const tab = await browser.newPage()
    await tab.goto(`http://127.0.0.1:${port}/${token}`)
    await tab.getByText('Approve').click()
    await tab.getByText('completed').waitFor()
    await browser.close()
  })
  expect(second).toBe('two: 20 € are on their way')
  own.child.kill('SIGKILL')
  expect([await types, page.rest]).toEqual([[], []])
  await stop(server)
})

it('call Python tasks, and be called', async () => {
  const followed = follow('call-python-tasks')
  const { page, folder, here } = followed
  const types = typesOf(followed)
  const python = new Running('/usr/bin/python3', ['-m', ...page.take('celery').words], folder)
  const worker = await work(folder, page.take('npx celeriac worker'), here)
  await python.until(/ ready\./)
  expect(await node(folder, page.take('node').words[1] ?? '')).toBe('750\n500\nValueError: nothing to price\n')
  const called = await new Running('/usr/bin/python3', page.take('python3').words.slice(1), folder).ended
  expect(called).toMatchObject({ code: 0, stdout: 'fragile fragile\n' })
  await stop(worker)
  expect([await types, page.rest]).toEqual([[], []])
})

it('migrate from Celery', async () => {
  const followed = follow('migrate-from-celery')
  const { page, folder, here } = followed
  const types = typesOf(followed)
  const worker = await work(folder, page.take('npx celeriac worker'), here)
  const first = await run(folder, celeriac(page.take('npx celeriac call')).map(here))
  expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('"first"') })
  // A caller as it was, with the one line more.
  const caller = "import routes\nfrom shop import render\nprint(render.delay(title='again').get(timeout=30))"
  const { code, stdout } = await new Running('/usr/bin/python3', ['-c', caller], folder).ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: "{'title': 'again', 'pages': 5}\n" })
  await stop(worker)
  expect([await types, page.rest]).toEqual([[], []])
})

it('migrate from BullMQ', async () => {
  const followed = follow('migrate-from-bullmq')
  const { page, folder, here } = followed
  const types = typesOf(followed)
  const command = page.take('npx celeriac worker')
  const worker = await work(folder, command, here)
  const file = page.take('node').words[1] ?? ''
  expect(await node(folder, file)).toBe('a.mov.mp4\n')
  // The key was there: nothing is sent.
  expect(await node(folder, file)).toBe('a.mov.mp4\n')
  await stop(worker)
  expect(worker.stdout + worker.stderr).not.toMatch(/succeeded[\s\S]*succeeded/)
  const again = await work(folder, command, here)
  expect(await node(folder, page.take('node').words[1] ?? '')).toBe('a.mov.mp4 b.mov.mp4\n')
  await stop(again)
  expect([await types, page.rest]).toEqual([[], []])
})

it('upgrade: a file of version 1', async () => {
  const { page, folder } = follow('upgrade')
  const code = "import { Celeriac } from 'celeriac'\nexport const app = new Celeriac({ broker: 'sqlite:store.db' })\n"
  writeFileSync(join(folder, 'tasks.ts'), code)
  writeFileSync(join(folder, 'store.db'), written('store.db'))
  const planned = await run(folder, celeriac(page.take('npx celeriac migrate')))
  expect(planned).toMatchObject({ code: 0, stdout: expect.stringMatching(/schema version 1, would be migrated to 5/) })
  const done = await run(folder, celeriac(page.take('npx celeriac migrate')))
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/schema version 1, migrated to 5/) })
  expect(page.rest).toEqual([])
})

describe('deploy', () => {
  const page = new Document(join(PAGES, 'deploy.md'))
  const starts = [
    'npx celeriac status',
    'npx celeriac result',
    'npx celeriac revoke',
    'npx celeriac dead list',
    'npx celeriac dead drop',
  ]
  const [status, result, revoke, dead, drop] = starts.map((start) => page.take(start)) as [Command, ...Command[]]
  const backup = page.take('node -e')

  it('what to do when something is wrong', async () => {
    const task = "export const slow = app.task('slow', () => new Promise((resolve) => setTimeout(resolve, 60_000)))"
    const code = `import { Celeriac } from 'celeriac'\nexport const app = new Celeriac()\n${task}\n`
    const folder = folderWith({ 'tasks.ts': code })
    const worker = start(folder, ['worker', '-A', 'tasks.ts', '-P', 'threads'])
    await worker.until(/ ready/)
    const id = (await run(folder, ['call', 'slow', '-A', 'tasks.ts'])).stdout.trim()
    await worker.until(new RegExp(`${id}.*received`))
    const said = async (command: Command | undefined): Promise<string> => {
      const { code, stdout } = await run(
        folder,
        celeriac(command as Command).map((word) => word.replace('<id>', id)),
      )
      expect(code).toBe(0)
      return stdout
    }

    expect(await said(status)).toMatch(/workers: +celeriac@.*\nwaiting: +celery 0\n/)
    expect(await said(result)).toMatch(/state: +PENDING/)
    expect(await said(revoke)).toContain(`revoked ${id}`)
    await worker.until(new RegExp(`${id}.*revoked`))
    expect(await said(dead)).toBe('')
    expect(await said(drop)).toMatch(/^0 would be dropped\n$/)
    const copy = new Running(process.execPath, backup.words.slice(1), folder)
    expect((await copy.ended).code).toBe(0)
    const found = await run(folder, ['result', id, '-b', 'sqlite:backup.db'])
    expect(found.stdout).toMatch(/state: +REVOKED/)
    await stop(worker)
  })

  it('its Dockerfile ends as that of the repository does', () => {
    const [text = ''] = page.code('dockerfile')
    const path = join(folderWith({ 'Dockerfile.own': text }), 'Dockerfile.own')
    const [own] = readDockerfile(path)
    const ours = readDockerfile(join(ROOT, 'Dockerfile')).at(-1)
    expect(own?.image).toBe(ours?.image)
    const same = new Set(['ENV', 'WORKDIR', 'USER', 'HEALTHCHECK', 'ENTRYPOINT'])
    const told = (stage = own): string[] =>
      (stage?.instructions ?? []).filter(({ name }) => same.has(name)).map(({ name, text }) => `${name} ${text}`)
    expect(told()).toEqual(told(ours))
  })

  it('names files, units and resources that are there', () => {
    const units = readdirSync(join(ROOT, 'deploy/systemd'))
    const manifests = readdirSync(join(ROOT, 'deploy/kubernetes')).map((name) =>
      readFileSync(join(ROOT, 'deploy/kubernetes', name), 'utf8'),
    )
    const commands = page.rest.join('\n')
    for (const [, unit = ''] of commands.matchAll(/(plots-\w+)@?/g))
      expect(units.some((name) => name.startsWith(unit))).toBe(true)
    for (const [, path = ''] of commands.matchAll(/(deploy\/\S+\/)/g)) expect(existsSync(join(ROOT, path))).toBe(true)
    for (const [, name] of commands.matchAll(/deployment\/(\w+)/g))
      expect(manifests.some((text) => text.includes(`kind: Deployment\nmetadata:\n  name: ${name}\n`))).toBe(true)
    // They need a machine of their own: what they start is run by test/deploy.
    expect(page.rest.filter((line) => !/^(docker compose|sudo|kubectl) /.test(line))).toEqual([])
  })
})

it('bundle: the error that it shows is the one that test/bundle.test.ts meets', () => {
  const text = readFileSync(join(ROOT, PAGES, 'bundle.md'), 'utf8')
  const [, shown = ''] = /^> ConfigError: (.+)$/m.exec(text) ?? []
  const [own, thread] = ['stores/sqlite/broker/leaseRenewer', 'stores/sqlite/broker/leaseRenewerThread']
  expect(() => packageFile('file:///srv/app/worker.mjs', own, thread)).toThrow(new ConfigError(shown))
})

it.each(AROUND)('%s: its lines have the types, its commands start, its options are known', async (name, before) => {
  const path = join(PAGES, `${name}.md`)
  const page = new Document(path)
  const folder = folderWith({
    'page.ts': [before, ...page.code('ts')].join('\n'),
    'tasks.ts': APP,
  })
  expect(await typeErrors(folder, ['page.ts'])).toEqual([])
  while (page.rest.length > 0) await stop(await work(folder, page.take('npx celeriac worker')))
  const known = optionsIn((await run(folder, ['completion', 'bash'])).stdout)
  const used = optionsIn(readFileSync(join(ROOT, path), 'utf8'))
  expect(used.filter((option) => !known.includes(option))).toEqual([])
})

it.each(APART)('%s: its blocks have the types', async (name, before) => {
  const blocks = new Document(join(PAGES, `${name}.md`)).code('ts').map((block) => blockModule(block, before))
  const files = Object.fromEntries(blocks.map((block, at) => [`block${at}.ts`, block]))
  expect(await typeErrors(folderWith(files), Object.keys(files))).toEqual([])
})

it('every page of the how-tos is tested here or beside, and in the README', () => {
  const others = ['transaction.full.test.ts', 'aroundPages.ts'].map((name) => new URL(name, import.meta.url))
  const files = [import.meta.url, ...others]
  const own = files.map((file) => readFileSync(fileURLToPath(file), 'utf8')).join()
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  for (const name of readdirSync(join(ROOT, PAGES))) {
    expect([name, own.includes(`'${name.replace('.md', '')}`) || own.includes(name)]).toEqual([name, true])
    expect([name, readme.includes(`${PAGES}/${name}`)]).toEqual([name, true])
  }
})

it('links lead to files, and to headings that are there', () => {
  const broken: string[] = []
  for (const name of readdirSync(join(ROOT, PAGES))) {
    const text = readFileSync(join(ROOT, PAGES, name), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
      const [path = '', heading] = target.split('#')
      const file = join(ROOT, PAGES, path || name)
      if (/^https?:/.test(target)) continue
      if (!existsSync(file)) broken.push(`${name}: ${target}`)
      else if (heading && !headings(file).includes(heading)) broken.push(`${name}: ${target}`)
    }
  }
  expect(broken).toEqual([])
})

/** The options of commands that a text names. */
function optionsIn(text: string): string[] {
  return text.match(/(?<=[\s`'])--[a-z][a-z-]+/g) ?? []
}

/** Anchors of a page's headings, as the usual hosts make them. */
function headings(file: string): string[] {
  const lines = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)
  return [...lines].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )
}
