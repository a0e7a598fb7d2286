import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { build } from './house.ts'

const CHILD = join(import.meta.dirname, 'children', 'keys.ts')
const KEYS = 400

async function start(store: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--conditions=source', CHILD, store], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return { child, url: `http://127.0.0.1:${line.toString().trim()}` }
}

test('a server killed while it accepts: each key has one job, and whoever got an answer gets the same again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-kill-'))
  const store = `sqlite:${join(folder, 'store.db')}`
  const answered = new Map<number, string>()
  const post = async (url: string, key: number): Promise<string> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': `"${key}"` }
    const response = await fetch(`${url}/v1/tasks/tasks.add`, { method: 'POST', body: `[${key},1]`, headers })
    expect(response.status).toBe(202)
    return response.text()
  }
  const { child, url } = await start(store)
  const ended = once(child, 'exit')
  // Twenty clients, one request at a time each: when the server dies, some of theirs are on their way.
  const clients = Array.from({ length: 20 }, async (_, client) => {
    for (let key = client; key < KEYS; key += 20) {
      const text = await post(url, key).catch(() => undefined)
      if (text === undefined) return
      answered.set(key, text)
      if (answered.size === 50) child.kill('SIGKILL')
    }
  })
  await Promise.all(clients)
  await ended
  expect(answered.size).toBeGreaterThanOrEqual(50)
  expect(answered.size).toBeLessThan(KEYS)
  {
    await using house = await build(store, (app) => [app.task('tasks.add', (x: number, y: number) => x + y)])
    for (let key = 0; key < KEYS; key++) {
      const text = await post(house.server.url, key)
      const before = answered.get(key)
      if (before !== undefined) expect(text).toBe(before)
    }
    expect(await house.app.queueSize()).toBe(KEYS)
  }
  await rm(folder, { recursive: true, force: true })
})
