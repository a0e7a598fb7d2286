import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { aesGcm } from '../../src/codec/aesGcm.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { guard } from '../redis/guard.ts'
import { RedisServer } from '../redis/server.ts'
import { within } from '../wait.ts'

/* The code of docs/how-to/encrypt-payloads.md with a real Celery: the package `cryptography` judges the format. */

const PYTHON = '/usr/bin/python3'
const KEY = Buffer.alloc(32, 'key of a test ').toString('base64')
const WAIT = { timeout: '60s' } as const

const page = readFileSync(join(import.meta.dirname, '../../docs/how-to/encrypt-payloads.md'), 'utf8')
const [code = '', use = ''] = [...page.matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(([, text]) => text as string)
const [task = ''] = use.split('\n\n\n')

const TASKS = `from celery import Celery
from codec import SealedTask, get_sealed, send_sealed

app = Celery("shop", broker=URL, backend=URL)
app.conf.task_default_queue = "python"

${task}

@app.task(name="py.blind")
def blind(items, tax=0):
    raise AssertionError("it ran")
`

let server: RedisServer
let folder: string
let app: App

function python(args: readonly string[]) {
  const child = spawn(PYTHON, args, { cwd: folder, env: { ...process.env, CELERIAC_KEY: KEY } })
  guard(child, {})
  return child
}

beforeAll(async () => {
  server = await RedisServer.start({ flags: ['--save', '900 1'] })
  folder = mkdtempSync(join(tmpdir(), 'celeriac-python-'))
  writeFileSync(join(folder, 'codec.py'), code)
  writeFileSync(join(folder, 'shop.py'), TASKS.replaceAll('URL', JSON.stringify(server.url())))
  const codec = aesGcm({ keys: { '2026-11': KEY } })
  app = new App({ broker: server.url(), codec, logger: createLogger('silent') })
})
afterAll(async () => {
  await app.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('a Python worker opens arguments and seals its result; one without the code refuses to run', async () => {
  const worker = python(['-m', 'celery', '-A', 'shop', 'worker', '-P', 'solo', '-Q', 'python', '-l', 'INFO'])
  try {
    let log = ''
    const ready = Promise.withResolvers<void>()
    worker.stderr.on('data', (chunk: Buffer) => {
      log += chunk
    })
    worker.stdout.on('data', (chunk: Buffer) => {
      log += chunk
    })
    worker.stderr.on('data', () => log.includes(' ready.') && ready.resolve())
    worker.once('exit', () => ready.reject(new Error(log)))
    await within(() => log, ready.promise)
    const sent = await app.send('py.total', [[1, 2, 3]], { kwargs: { tax: 0.5 }, queue: 'python' })
    expect(await sent.get(WAIT)).toBe(6.5)
    const blind = await app.send('py.blind', [[1, 2, 3]], { queue: 'python' })
    await expect(blind.get(WAIT)).rejects.toMatchObject({
      type: 'TypeError',
      message: expect.stringContaining("unexpected keyword argument 'celeriac-codec'"),
    })
    expect(await server.cli('GET', `celery-task-meta-${sent.id}`)).not.toContain('6.5')
  } finally {
    worker.kill('SIGKILL')
    if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit')
  }
})

test('a Python client seals arguments and opens the result', async () => {
  app.task('shop.total', (items: number[], when: Date) => [items.reduce((sum, one) => sum + one, 0), when])
  const worker = new Worker(app, { logger: false })
  await worker.start()
  try {
    // Before kombu 5.3, dates are sent as text.
    const script = `from datetime import datetime, timezone
from shop import app, get_sealed, send_sealed
sent = send_sealed(app, "shop.total", [[1, 2, 3]], {"when": datetime(2026, 11, 30, tzinfo=timezone.utc)}, queue="celery")
print(get_sealed(sent, timeout=30))`
    const env = { ...process.env, CELERIAC_KEY: KEY }
    const { stdout } = await promisify(execFile)(PYTHON, ['-c', script], { cwd: folder, env, timeout: 60_000 })
    expect(stdout.trim()).toBe("[6, '2026-11-30T00:00:00Z']")
  } finally {
    await worker.stop({ grace: 0 })
  }
})
