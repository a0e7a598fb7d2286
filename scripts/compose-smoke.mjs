// @ts-check
// npm run smoke:compose [-- postgres]: compose.yaml without Docker. The image's folder is made as the Dockerfile says, the stores of the
// profile (redis-server and rabbitmq-server; PostgreSQL) are started for this run alone, and then the services, by the commands, environments and health checks that compose.yaml gives them: only
// host names and ports are others. Two workers draw, one of them is killed while it does, the picture comes all the same.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCompose } from '../test/deploy/compose.ts'
import { buildImage, containerEnv } from '../test/deploy/image.ts'
import { PostgresServer } from '../test/postgres/server.ts'
import { RabbitServer } from '../test/rabbitmq/server.ts'
import { freePort, RedisServer } from '../test/redis/server.ts'
import { root } from './lib.mjs'

/** @typedef {{ child: import('node:child_process').ChildProcess, name: string, log: string, ended: Promise<number | string> }} Container */

const PNG = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
/** Longest wait for anything, ms. */
const PATIENCE = 60_000

const onPostgres = process.argv[2] === 'postgres'
const services = readCompose(
  join(root, 'compose.yaml'),
  onPostgres ? { STORE_URL: 'postgres://plots:plots@postgres:5432/plots' } : {},
)
/** @type {Container[]} */
const containers = []
const began = performance.now()

const [image, port, ...stores] = await Promise.all([
  buildImage(),
  freePort(),
  ...(onPostgres ? [startPostgres()] : [startRedis(), startRabbit()]),
])
try {
  say(`the image is made, ${stores.map(({ name }) => name).join(' and ')} up`)
  await drive()
  say('all have stopped in time, with exit code 0')
} catch (error) {
  for (const { name, log } of containers) console.error(`--- ${name}\n${log.slice(-4000)}`)
  console.error(error)
  process.exitCode = 1
} finally {
  for (const { child } of containers) child.kill('SIGKILL')
  await Promise.all(stores.map(({ stop }) => stop()))
  image.remove()
}

async function drive() {
  const web = await up('web', ['--port', String(port)], /^HTTP API at/m)
  const workers = await Promise.all(['worker1', 'worker2'].map((name) => upWorker(name)))
  const beat = await up('beat', [], /^beat of plots/m)
  say('web, two workers and beat are up')
  await Promise.all([healthy('web'), ...workers.map(({ name }) => healthy('worker', name))])
  say('their health checks say so, too')

  await draw()
  say('a picture is drawn, and its progress told')
  workers.push(await killInTheMiddle(workers))
  say('a worker is killed while it draws: the other one draws it')
  await Promise.all([draw(), draw(), draw()])
  say('its successor and the other one draw three at once')
  await schedule(beat, workers)
  say('beat sends what is scheduled meanwhile, and it is drawn')

  const living = containers.filter(({ child }) => child.exitCode === null && child.signalCode === null)
  assert.ok(living.includes(web) && living.length === 4, `expected four to run still, got ${living.map((c) => c.name)}`)
  await Promise.all(living.map((container) => stop(container)))
}

/** Starts a job as a visitor does, follows it by events to its end, and looks at the picture. */
async function draw() {
  const id = await begin()
  const told = await follow(id)
  assert.ok(told.length > 1 && told.every(({ progress }) => progress >= 0 && progress <= 1), JSON.stringify(told))
  await look(id)
}

async function begin() {
  assert.match(await (await ask('/')).text(), /href="image_page"/)
  const html = await (await ask('/image_page')).text()
  const [, id = ''] = /data-jobid="([^"]+)"/.exec(html) ?? []
  assert.ok(id, `expected a page with data-jobid, got ${html}`)
  return id
}

/** What is told of a job, to the end. @param {string} id @returns {Promise<{ state: string, progress: number }[]>} */
async function follow(id) {
  const response = await ask(`/progress?jobid=${id}`, { accept: 'text/event-stream' })
  const told = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data))
  assert.deepEqual(told.at(-1), { state: 'SUCCESS', progress: 1 })
  return told
}

/** @param {string} id */
async function look(id) {
  const response = await ask(`/result.png?jobid=${id}`)
  assert.equal(response.headers.get('content-type'), 'image/png')
  assert.deepEqual(Buffer.from(await response.arrayBuffer()).subarray(0, PNG.length), PNG)
}

/** The worker that Docker starts in the place of the killed one. @param {Container[]} workers */
async function killInTheMiddle(workers) {
  const id = await begin()
  const holder = () => workers.find(({ log }) => log.includes(id))
  await eventually('the job is begun', async () => {
    const { state } = /** @type {{ state?: string }} */ (await (await ask(`/progress?jobid=${id}`)).json())
    return state === 'PROGRESS' && holder() !== undefined
  })
  const victim = /** @type {Container} */ (holder())
  victim.child.kill('SIGKILL')
  assert.equal(await victim.ended, 'SIGKILL')
  await follow(id)
  await look(id)
  assert.ok(workers.some((worker) => worker !== victim && worker.log.includes(id)))
  return upWorker(victim.name)
}

/** An entry that is added while beat runs. @param {Container} beat @param {Container[]} workers */
async function schedule(beat, workers) {
  const drawn = () => workers.reduce((sum, { log }) => sum + (log.match(/succeeded/g)?.length ?? 0), 0)
  const before = drawn()
  const options = ['-A', 'tasks.ts']
  const entry = ['schedule', 'add', 'often', 'tasks.get_data_from_strava', '-k', '{}', '--every', '1s', ...options]
  await execute('worker', ['celeriac', ...entry])
  await eventually('a scheduled picture', async () => beat.log.includes('often') && drawn() > before)
  await execute('worker', ['celeriac', 'schedule', 'remove', 'often', ...options])
}

/** @param {string} path @param {Record<string, string>} [headers] */
async function ask(path, headers = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers, signal: AbortSignal.timeout(PATIENCE) })
  assert.equal(response.status, 200, path)
  return response
}

/** As `docker compose up`: a container of a service, when it has said so. @param {string} service @param {string[]} more @param {RegExp} sign */
async function up(service, more, sign, name = service) {
  const { command = image.cmd } = serviceOf(service)
  const container = run(service, name, [...image.entrypoint, ...command.map(here), ...more])
  containers.push(container)
  await eventually(`${name} is up`, async () => {
    assert.equal(container.child.exitCode, null, `${name} ended: ${container.log}`)
    return sign.test(container.log)
  })
  return container
}

/** Containers have host names of their own; here the worker's name has to be. @param {string} name */
function upWorker(name) {
  return up('worker', ['-n', `celeriac@${name}`], / ready/, name)
}

/** @param {string} service @param {string} [name] */
async function healthy(service, name) {
  const { health = image.health } = serviceOf(service)
  await execute(
    service,
    health.map((word) => here(word.replace('127.0.0.1:5000', `127.0.0.1:${port}`).replace('%h', name ?? '%h'))),
  )
}

/** As `docker compose exec`: rejects when it fails. @param {string} service @param {string[]} command */
async function execute(service, command) {
  const done = run(service, command.join(' '), command)
  assert.equal(await done.ended, 0, `${done.name}: ${done.log}`)
}

/** @param {string} service @param {string} name @param {string[]} command @returns {Container} */
function run(service, name, [file = '', ...args]) {
  const { environment } = serviceOf(service)
  const own = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, here(value)]))
  const cwd = join(image.folder, image.workdir)
  const child = spawn(file, args, { cwd, env: { ...containerEnv(image), ...own }, stdio: ['ignore', 'pipe', 'pipe'] })
  /** @type {Promise<number | string>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? code ?? 1))
  })
  const container = { child, name, log: '', ended }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      container.log += text
    })
  }
  return container
}

/** As `docker stop`. @param {Container} container */
async function stop({ child, name, ended, log }) {
  const { grace } = serviceOf(name.replace(/\d$/, ''))
  child.kill('SIGTERM')
  const late = sleep(grace, 'late', { ref: false })
  assert.equal(await Promise.race([ended, late]), 0, `${name}: expected it to stop within ${grace} ms: ${log}`)
}

/** Compose's names and ports are here those of this run. @param {string} text */
function here(text) {
  const local = stores.reduce((one, { host, port }) => one.replace(host, `127.0.0.1:${port}`), text)
  return local.replace(/^0\.0\.0\.0$/, '127.0.0.1')
}

/** @param {string} name */
function serviceOf(name) {
  const service = services.get(name)
  if (!service) throw new Error(`compose.yaml: expected a service ${name}, got none`)
  return service
}

/** @typedef {{ name: string, host: string, port: number, stop: () => Promise<void> }} Started */

/** @returns {Promise<Started>} */
async function startRedis() {
  const [, ...flags] = serviceOf('redis').command ?? []
  const server = await RedisServer.start({ flags })
  return { name: 'redis', host: 'redis:6379', port: server.port, stop: () => server.stop() }
}

/** With the role and the database that its image makes of the environment. @returns {Promise<Started>} */
async function startPostgres() {
  const server = await PostgresServer.start()
  const { POSTGRES_USER: user, POSTGRES_PASSWORD: word, POSTGRES_DB: database } = serviceOf('postgres').environment
  await server.sql(`CREATE ROLE ${user} LOGIN PASSWORD '${word}'`)
  await server.sql(`CREATE DATABASE ${database} OWNER ${user}`)
  return { name: 'postgres', host: 'postgres:5432', port: server.port, stop: () => server.stop() }
}

/** With the user and virtual host that its image makes of the environment. @returns {Promise<Started>} */
async function startRabbit() {
  const server = await RabbitServer.start()
  const {
    RABBITMQ_DEFAULT_USER: user,
    RABBITMQ_DEFAULT_PASS: word,
    RABBITMQ_DEFAULT_VHOST: vhost,
  } = serviceOf('rabbitmq').environment
  const all = '<<".*">>'
  await server.ctl(
    'eval',
    `begin rabbit_auth_backend_internal:add_user(<<"${user}">>, <<"${word}">>, <<"smoke">>), rabbit_vhost:add(<<"${vhost}">>, <<"smoke">>),
      rabbit_auth_backend_internal:set_permissions(<<"${user}">>, <<"${vhost}">>, ${all}, ${all}, ${all}, <<"smoke">>) end.`,
  )
  return { name: 'rabbitmq', host: 'rabbitmq:5672', port: server.port, stop: () => server.stop() }
}

/** @param {string} what @param {() => Promise<boolean>} holds */
async function eventually(what, holds) {
  for (const until = performance.now() + PATIENCE; !(await holds()); await sleep(20)) {
    if (performance.now() > until) throw new Error(`expected ${what} within ${PATIENCE} ms`)
  }
}

/** @param {string} text */
function say(text) {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`)
}
