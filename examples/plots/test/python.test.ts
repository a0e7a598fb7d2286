import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { RedisServer } from '../../../test/redis/server.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder } from '../../shared/test/program.ts'

let redis: RedisServer
let folder: Folder
let stores: Record<string, string>

beforeEach(async () => {
  redis = await RedisServer.start()
  stores = { BROKER_URL: redis.url(), RESULT_BACKEND: redis.url(1) }
  folder = new Folder({ PLOTS_SECONDS: '1', ...stores })
})

afterEach(async () => {
  await folder.close()
  await redis.stop()
})

/** Python in the folder of the tutorial's tasks. Resolves with what it printed, when it has ended. */
function python(args: readonly string[]): { readonly printed: Promise<string>; ready(pattern: RegExp): Promise<void> } {
  const child = spawn('/usr/bin/python3', args, {
    cwd: join(import.meta.dirname, 'python'),
    env: { ...process.env, ...stores, PYTHONDONTWRITEBYTECODE: '1' },
  })
  let [stdout, all] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    all += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    all += chunk
  })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const ready = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(all)) {
      if (child.exitCode !== null) throw new Error(all)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const printed = ended.then(([code]) => {
    if (code !== 0 && code !== null) throw new Error(all)
    return stdout
  })
  return { printed, ready }
}

describe('the tutorial’s own programs, in Python', () => {
  it('its service shows what our worker draws', async () => {
    await folder.work('plots/tasks.ts')
    const lines = (await python(['client.py']).printed).trimEnd().split('\n')
    const told = lines.map((line) => JSON.parse(line))
    expect(told.at(-1)).toBe('\x89PNG\r\n\x1a\n')
    expect(told).toContainEqual(['PROGRESS', 0.1])
    expect(told.at(-2)).toEqual(['SUCCESS', 1])
  })

  it('its worker draws for our service', async () => {
    const service = await folder.serve('plots/web.ts')
    const worker = python(['-m', 'celery', '-A', 'tasks', 'worker', '-P', 'solo', '-l', 'INFO'])
    await worker.ready(/ ready\./)
    const html = await (await service.fetch('/image_page')).text()
    const [, jobid = ''] = /data-jobid="([^"]+)"/.exec(html) ?? []
    const told = new Set<number>()
    await eventually(
      () => service.json(`/progress?jobid=${jobid}`),
      ({ progress }) => told.add(progress).has(1),
    )
    expect([...told]).toContain(0.1)
    const response = await service.fetch(`/result.png?jobid=${jobid}`)
    expect(response.headers.get('content-type')).toBe('image/png')
    expect(Buffer.from(await response.arrayBuffer()).readUInt32BE(16)).toBe(1)
  })
})
