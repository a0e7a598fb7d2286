import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { addressOf, expectCode, startCommand, stop } from '../../../test/docs/commands.ts'
import { type Command, Document } from '../../../test/docs/document.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { Browser } from './browser.ts'

const readme = new Document('examples/request-context/README.md')

/** What a command of curl sends, to the default address: a form, or a GET. */
function requestOf({ words }: Command): { path: string; form: Record<string, string> | undefined; headers: string[] } {
  const rest = words.slice(1)
  const headers: string[] = []
  let form: Record<string, string> | undefined
  let path = ''
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-d') form = Object.fromEntries(new URLSearchParams(rest.shift()))
    else if (word === '-H') headers.push(rest.shift() ?? '')
    else if (word === '-b' || word === '-c') expect(rest.shift()).toBe('cookies.txt')
    else if (word !== '-i') path = word.replace(/^http:\/\/127\.0\.0\.1:5000(?=\/)/, '')
  }
  expect(path).toMatch(/^\/\w/)
  return { path, form, headers }
}

async function curl(browser: Browser, command: Command): Promise<Response> {
  const { path, form } = requestOf(command)
  return form ? await browser.post(path, form) : await browser.get(path)
}

it('its code is the code', () => expectCode(readme, 'request-context', 6))

it('its commands', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'request-context-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  const here = (word: string): string => word.replace('127.0.0.1:6379', `127.0.0.1:${redis.port}`)
  const env = (name: string): Record<string, string> => ({
    BROKER_URL: `sqlite:${join(folder, `${name}.db`)}`,
    REPORTS_DATA: join(folder, name),
    REPORTS_SECONDS: '0',
  })
  const [logIn, report, outbox] = ['-i -c', '-i -b', '-b'].map((flags) => readme.take(`curl ${flags}`)) as [
    Command,
    Command,
    Command,
  ]
  const [language = ''] = requestOf(report).headers
  expect([language, requestOf(outbox).path]).toEqual(['accept-language: de', '/outbox'])
  const see = async (base: string, address = base): Promise<Browser> => {
    const browser = new Browser(base, Object.fromEntries([language.split(': ')]))
    expect((await curl(browser, logIn)).status).toBe(303)
    const path = (await curl(browser, report)).headers.get('location')
    expect(await browser.outbox('Ihr Bericht: turnips')).toContain(`${address}${path}?from=mail`)
    return browser
  }

  const first = startCommand(readme.take('npm start -- request-context'), env('first'), { more: ['--port', '0'] })
  const browser = await see(await addressOf(first))
  for (const what of ['data', 'instance', 'socket', 'context']) {
    const lesson = readme.take(`curl -b cookies.txt -d what=${what}`)
    expect(lesson.comment).toMatch(/^[\w[\].:]+ /)
    expect(await (await curl(browser, lesson)).text()).toContain(lesson.comment)
  }
  const call = readme.take('npm run celeriac -- call')
  expect(await startCommand(call, env('first')).ended).toMatchObject({ code: 0, stdout: '"Hello ada"\n' })
  await stop(first)

  const server = startCommand(readme.take('SESSION_SECRET'), env('both'), { more: ['--port', '0'] })
  const worker = startCommand(readme.take('npm run celeriac -- worker'), env('both'))
  await worker.until(/ ready/)
  await see(await addressOf(server))
  await stop(server, worker)

  const open = startCommand(readme.take('PUBLIC_URL'), env('public'), { more: ['--port', '0'] })
  await see(await addressOf(open), 'https://reports.example')
  await stop(open)

  const start = readme.take('npm start -- request-context --broker')
  const last = startCommand(start, env('redis'), { here, more: ['--port', '0'] })
  await see(await addressOf(last))
  await stop(last)
  expect(readme.rest).toEqual([])
})
