import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { storesOf } from '../app/stores.ts'
import { appWith, folderOfTest, urlsOf } from './lab.ts'

const CHILD = join(import.meta.dirname, 'children', 'server.ts')
const MIB = 1024 * 1024
const SIZE = 200 * MIB

/** Reads an answer and forgets it. */
async function digestOf(url: string, pause = 0): Promise<string> {
  const hash = createHash('sha256')
  const { body } = await fetch(url)
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    hash.update(chunk)
    // A client that reads slowly: the server must not read on meanwhile.
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
  }
  return hash.digest('hex')
}

test('results of 200 MiB go over HTTP in bounded memory, also to a slow client', async () => {
  const folder = await folderOfTest()
  const { broker } = (await urlsOf('sqlite', folder)) as { broker: string }
  const app = appWith(folder, { broker })
  const results = { bytes: Buffer.alloc(SIZE, 'abc'), text: 'abcdefg\n'.repeat(SIZE / 8) }
  const { unitOfWork } = await storesOf(app)
  for (const [id, result] of Object.entries(results)) {
    const done = new Date().toISOString()
    const meta = {
      task_id: id,
      status: 'SUCCESS',
      name: 'large',
      result,
      traceback: null,
      date_done: done,
      children: [],
    }
    expect(await unitOfWork.write({ meta })).toBe(true)
  }
  const args = ['--conditions=source', CHILD, broker, join(folder, 'payloads')]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => (await lines.next()).value as string
  const memory = async (): Promise<number> => {
    child.stdin.write('\n')
    return Number(await line())
  }
  const url = await line()
  // One before, of what is loaded with the first request.
  await fetch(`${url}/v1/jobs/bytes`)
  const before = await memory()
  const sum = createHash('sha256').update(results.bytes).digest('hex')
  expect(await digestOf(`${url}/v1/jobs/bytes/result`)).toBe(sum)
  const quoted = createHash('sha256').update(JSON.stringify(results.text)).digest('hex')
  expect(await digestOf(`${url}/v1/jobs/text/result`)).toBe(quoted)
  const after = await memory()
  expect(await digestOf(`${url}/v1/jobs/bytes/result`, 1)).toBe(sum)
  const slow = await memory()
  process.stderr.write(`most resident memory: ${[before, after, slow].map((bytes) => Math.round(bytes / MIB))} MiB\n`)
  expect(Math.max(after, slow) - before).toBeLessThan(100 * MIB)
})
