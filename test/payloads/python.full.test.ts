import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { Worker } from '../../src/worker/worker.ts'
import { appWith, folderOfTest, urlsOf } from './lab.ts'

const PYTHON = '/usr/bin/python3'
const PAGE = join(import.meta.dirname, '../../docs/how-to/large-payloads.md')
const LARGE = 'größer '.repeat(1000)
const wait = { timeout: '60s' } as const

/** Tasks of a Python worker that knows nothing of payloads. */
const PLAIN = `
import os
from celery import Celery

app = Celery('shop', broker=os.environ['BROKER'], backend=os.environ['BROKER'])


@app.task(name='py.length')
def length(text):
    return len(text)
`

/** A folder with the example of the page, and one that has a plain worker; and what runs Python there. */
async function python() {
  const folder = await folderOfTest()
  const { broker } = (await urlsOf('redis', folder)) as { broker: string }
  const [, example = ''] = /```python\n([\s\S]*?)```/.exec(await readFile(PAGE, 'utf8')) ?? []
  await writeFile(join(folder, 'tasks.py'), example)
  await writeFile(join(folder, 'plain.py'), PLAIN)
  const env = { ...process.env, BROKER: broker, PAYLOADS: join(folder, 'payloads'), C_FORCE_ROOT: '1' }
  const work = (module: string): void => {
    const child = spawn(PYTHON, ['-m', 'celery', '-A', module, 'worker', '-P', 'solo'], {
      cwd: folder,
      env,
      stdio: 'ignore',
    })
    onTestFinished(async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    })
  }
  const run = async (code: string): Promise<string> =>
    (await promisify(execFile)(PYTHON, ['-c', code], { cwd: folder, env })).stdout
  return { app: appWith(folder, { broker }), work, run }
}

test('the example of the page reads an input, and a result', async () => {
  const { app, work, run } = await python()
  work('tasks')
  expect(await (await app.send('py.length', [LARGE])).get(wait)).toBe(LARGE.length)
  const echo = app.task('echo', (value: unknown) => value)
  const sent = await echo.applyAsync([[LARGE, { a: 1 }]], { queue: 'ours' })
  const worker = new Worker(app, { queues: ['ours'] })
  onTestFinished(() => worker.stop({ grace: 0 }))
  await worker.start()
  await sent.get(wait)
  const code = `import json, tasks; print(json.dumps(tasks.result_of(tasks.app.AsyncResult('${sent.id}'))))`
  expect(JSON.parse(await run(code))).toEqual([LARGE, { a: 1 }])
})

test('a Python worker that reads no payloads fails the task, and says why', async () => {
  const { app, work } = await python()
  work('plain')
  const sent = await app.send('py.length', [LARGE])
  await expect(sent.get(wait)).rejects.toThrow(/unexpected keyword argument 'celeriac_payload'/)
})
