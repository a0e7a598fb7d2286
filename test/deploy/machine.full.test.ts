import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { milliseconds } from '../../src/std/duration.ts'
import { Running } from '../cli/harness.ts'
import { command } from '../command.ts'
import { freePort } from '../redis/server.ts'
import { eventually } from '../wait.ts'
import { buildImage, containerEnv, type Image } from './image.ts'
import { readEnvironment, readUnit, type Unit } from './units.ts'

/*
 * One machine, as deploy/systemd and deploy/nginx describe it, without systemd: the commands of the units, their environment, their reload
 * and their stop. /srv/plots is the application that the Dockerfile makes, /var/lib/plots a temporary folder.
 */

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url))
const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path))
const UNITS = ['plots-web.service', 'plots-worker@.service', 'plots-beat.service'] as const

let folder: string
let image: Image
let port: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'celeriac-machine-'))
  mkdirSync(join(folder, 'state'))
  image = await buildImage()
  port = await freePort()
})

afterAll(() => {
  image.remove()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** Paths of the machine that is described are here others. */
function here(text: string): string {
  return text.replace('/srv/plots', join(image.folder, image.workdir)).replace('/var/lib/plots', join(folder, 'state'))
}

/** As `systemctl start`. */
function start(unit: Unit, ...more: string[]): Running {
  const [file = '', ...args] = unit.start.map(here)
  const shared = readEnvironment(here(readFileSync(join(DEPLOY, 'systemd/plots.env'), 'utf8')))
  const env = { ...containerEnv(image), ...unit.environment, ...shared }
  return new Running(file, [...args, ...more], here(unit.workingDirectory), env)
}

/** As `systemctl stop`: its exit code, within the time that the unit gives. */
async function stop(unit: Unit, running: Running): Promise<number | null | 'late'> {
  running.child.kill(unit.stopSignal)
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), unit.stopTimeout).unref())
  return Promise.race([running.ended.then(({ code }) => code), late])
}

interface Answer {
  readonly status: number
  readonly body: Buffer
  /** When the first and the last of it came, ms. */
  readonly first: number
  readonly last: number
}

/** A request under a name of ours. Rejects when the connection is closed without an answer. */
function ask(at: number, path: string, host: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port: at, path, headers: { host, ...headers }, host: '127.0.0.1' }
    const sent = request(options, (response: IncomingMessage) => {
      const parts: { at: number; chunk: Buffer }[] = []
      response.on('data', (chunk: Buffer) => parts.push({ at: performance.now(), chunk }))
      response.once('error', reject)
      response.once('end', () => {
        const [first = performance.now(), last = first] = [parts[0]?.at, parts.at(-1)?.at]
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts.map(({ chunk }) => chunk)), first, last })
      })
    })
    sent.once('error', reject).end()
  })
}

/** A picture, as a visitor gets it; the progress as events. */
async function draw(at: number, host: string): Promise<Answer> {
  const page = await ask(at, '/image_page', host)
  const [, id] = /data-jobid="([^"]+)"/.exec(page.body.toString()) ?? []
  const events = await ask(at, `/progress?jobid=${id}`, host, { accept: 'text/event-stream' })
  expect(events.body.toString()).toContain('"SUCCESS"')
  const picture = await ask(at, `/result.png?jobid=${id}`, host)
  expect([picture.status, picture.body.subarray(1, 4).toString()]).toEqual([200, 'PNG'])
  return events
}

it('the units run the service: a picture, a reload without a failed request, a stop in time', async () => {
  const [web, worker, beat] = UNITS.map((name) => readUnit(join(DEPLOY, 'systemd', name), '1')) as [Unit, Unit, Unit]
  const server = start(web, '--port', String(port))
  const others = [start(worker), start(beat)] as const
  await Promise.all([server.until(/HTTP API at/), others[0].until(/ ready/), others[1].until(/beat of plots/)])
  expect(others[0].stdout).toContain('1@')
  await draw(port, 'plots.example.com')
  expect((await ask(port, '/', 'evil.example.com')).status).toBe(421)

  let reloading = true
  const asking = (async () => {
    const seen: number[] = []
    while (reloading) seen.push((await ask(port, '/livez', 'plots.example.com')).status)
    return seen
  })()
  const [signal, flag, whom] = web.reload ?? []
  expect([signal, flag, whom]).toEqual(['kill', '-HUP', '$MAINPID'])
  await command('kill', [flag ?? '', String(server.child.pid)])
  await server.until(/reloaded: 2 processes/)
  reloading = false
  expect(new Set(await asking)).toEqual(new Set([200]))

  const stopped = await Promise.all([stop(web, server), stop(worker, others[0]), stop(beat, others[1])])
  expect(stopped).toEqual([0, 0, 0])
  const grace = worker.start[worker.start.indexOf('--grace') + 1]
  expect(worker.stopTimeout).toBeGreaterThan(milliseconds(grace as '25s', 'grace') + 5000)
})

it('nginx: events come as they are sent, names and pictures pass', async () => {
  const [web, worker] = UNITS.map((name) => readUnit(join(DEPLOY, 'systemd', name), '1')) as [Unit, Unit]
  const [server, other] = [start(web, '--port', String(port)), start(worker)]
  await Promise.all([server.until(/HTTP API at/), other.until(/ ready/)])
  const outside = await freePort()
  const site = readFileSync(join(DEPLOY, 'nginx/plots.conf'), 'utf8')
    .replaceAll('listen 80', `listen 127.0.0.1:${outside}`)
    .replaceAll('127.0.0.1:5000', `127.0.0.1:${port}`)
  expect(site.match(new RegExp(`127.0.0.1:(${outside}|${port})`, 'g'))?.length).toBeGreaterThanOrEqual(3)
  writeFileSync(join(folder, 'plots.conf'), site)
  writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder))
  const flags = ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')]
  const checked = await command(NGINX ?? '', ['-t', ...flags])
  expect([checked.code, checked.stderr]).toEqual([0, expect.not.stringMatching(/warn/)])
  const proxy = new Running(NGINX ?? '', flags, folder)
  await eventually(
    () => ask(outside, '/livez', 'plots.example.com').catch(() => undefined),
    (answer) => answer?.status === 200,
  )

  const events = await draw(outside, 'plots.example.com')
  // The task takes two seconds. Held back, they would come together.
  expect(events.last - events.first).toBeGreaterThan(1000)
  await expect(ask(outside, '/', 'other.example.com')).rejects.toThrow()
  proxy.child.kill('SIGQUIT')
  await proxy.ended
  expect(readFileSync(join(folder, 'error.log'), 'utf8')).toBe('')
  expect(await Promise.all([stop(web, server), stop(worker, other)])).toEqual([0, 0])
})

/** What is around the file in /etc/nginx/conf.d. */
function nginxConf(own: string): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${own}/${name};`)
  return `daemon off; pid ${own}/nginx.pid; error_log ${own}/error.log warn; events {}
http { access_log off; ${places.join(' ')} include ${own}/plots.conf; }\n`
}

it('systemd-analyze finds nothing wrong, and little exposed', async ({ skip }) => {
  const units = join(folder, 'units')
  cpSync(join(DEPLOY, 'systemd'), units, { recursive: true })
  for (const name of UNITS) {
    // It looks whether the program is there.
    const text = readFileSync(join(units, name), 'utf8').replace(/\/srv\/plots\S+celeriac/, process.execPath)
    writeFileSync(join(units, name), text)
  }
  copyFileSync(join(units, 'plots-worker@.service'), join(units, 'plots-worker@1.service'))
  const paths = ['plots-web', 'plots-worker@1', 'plots-beat'].map((name) => join(units, `${name}.service`))
  const verified = await command('systemd-analyze', ['verify', ...paths])
  if (verified.code === undefined) skip('systemd-analyze is not installed')
  expect([verified.code, verified.stderr]).toEqual([0, ''])
  for (const path of paths) {
    const flags = ['--offline=true', '--no-pager', '--threshold=25']
    const { code, stdout } = await command('systemd-analyze', ['security', ...flags, path])
    expect({ code, last: stdout.trim().split('\n').at(-1) }).toMatchObject({ code: 0 })
  }
})
