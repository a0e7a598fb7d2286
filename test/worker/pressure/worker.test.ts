import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { WorkerOptions } from '../../../src/worker/worker.ts'
import { type Lab, onSqliteOrEachStore } from '../../app/lab.ts'
import { project, type Running, start } from '../../cli/harness.ts'
import { within } from '../../wait.ts'

/** `burn` keeps its loop busy, `hold` so many MB, each until the file `end` exists. */
const MODULE = `
import { existsSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setTimeout as sleep } from 'node:timers/promises'
import { Celeriac } from 'celeriac'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
export const app = new Celeriac({ name: 'shop' })
app.task('burn', async () => {
  while (!existsSync('end')) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.ppid
})
const held = []
app.task('hold', async (megabytes) => {
  held.push(Buffer.alloc(megabytes * 1024 ** 2, 1))
  while (!existsSync('end')) await sleep(20)
  held.length = 0
  collect()
  return process.ppid
})
app.task('where', () => process.ppid)
app.task('pid', () => process.pid)
let running = 0
app.task('together', async () => {
  const together = ++running
  await sleep(50)
  running--
  return together
})
const child = app.task('child', () => 1)
app.task('parent', async () => (await child.delay().get({ timeout: '60s' })) + 1)
`

/** Of the event loop; of memory, KB: that of a worker without tasks is below, with 400 MB more it is above. */
const BUSY = ['--max-event-loop-utilization', '0.95']
const FULL = ['--max-memory', '400000']
/** Less than any worker uses. */
const SMALL = ['--max-memory', '40000']

const EXCEEDED = /takes one task at a time: it/
const RELIEVED = /takes as many tasks as before: it/

class Scene {
  readonly #lab: Lab
  readonly folder: string = project({ 'tasks.ts': MODULE })
  readonly #app: ReturnType<Lab['app']>

  constructor(lab: Lab) {
    this.#lab = lab
    this.#app = lab.app()
  }

  async worker(...args: string[]): Promise<Running> {
    const { url, backend } = this.#lab
    const stores = ['-b', url, ...(backend === undefined ? [] : ['--result-backend', backend])]
    const worker = start(this.folder, ['worker', '-A', 'tasks.ts', '-n', `${args.length}@%h`, ...stores, ...args])
    await worker.until(/ ready"/)
    return worker
  }

  send(task: string, ...args: unknown[]): Promise<{ get(options: { timeout: string }): Promise<unknown> }> {
    return this.#app.send(task, args)
  }

  async results(task: string, count: number): Promise<unknown[]> {
    const handles = await Promise.all(Array.from({ length: count }, () => this.send(task)))
    return Promise.all(handles.map((handle) => handle.get({ timeout: '60s' })))
  }

  /** What keeps the worker busy or its memory in use ends. */
  end(): void {
    writeFileSync(join(this.folder, 'end'), '')
  }
}

const pools: readonly WorkerOptions['pool'][] = ['inline', 'processes']

onSqliteOrEachStore(
  (lab) => {
    it('a worker above the limit of its event loop leaves messages to another, and takes them again afterwards', async () => {
      const scene = new Scene(lab())
      const burning = await scene.send('burn')
      const first = await scene.worker(...BUSY)
      await first.until(EXCEEDED)
      const second = await scene.worker()
      expect(new Set(await scene.results('pid', 30))).toEqual(new Set([second.child.pid]))
      second.child.kill('SIGTERM')
      expect((await second.ended).code).toBe(0)
      scene.end()
      await first.until(RELIEVED)
      await burning.get({ timeout: '60s' })
      expect(new Set(await scene.results('pid', 30))).toEqual(new Set([first.child.pid]))
      first.child.kill('SIGTERM')
      expect((await first.ended).code).toBe(0)
    })
  },
  { memory: false },
)

onSqliteOrEachStore(
  (lab) => {
    it.each(pools)('a worker above the limit of its memory does so, too, pool %s', async (pool = 'inline') => {
      const scene = new Scene(lab())
      const holding = await scene.send('hold', 400)
      const first = await scene.worker('-P', pool, '-c', '2', ...FULL)
      await first.until(EXCEEDED)
      const second = await scene.worker('-P', pool)
      const parent = ({ child }: Running): number | undefined => (pool === 'inline' ? process.pid : child.pid)
      expect(new Set(await scene.results('where', 10))).toEqual(new Set([parent(second)]))
      second.child.kill('SIGTERM')
      expect((await second.ended).code).toBe(0)
      scene.end()
      await holding.get({ timeout: '60s' })
      await first.until(RELIEVED)
      expect(new Set(await scene.results('where', 10))).toEqual(new Set([parent(first)]))
    })

    it('one whose memory never comes down takes one task at a time, and says so', async () => {
      const scene = new Scene(lab())
      const worker = await scene.worker(...SMALL, '--health-port', '0')
      await worker.until(EXCEEDED)
      expect(new Set(await scene.results('together', 10))).toEqual(new Set([1]))
      // One that waits for another does not count.
      expect(await scene.results('parent', 3)).toEqual([2, 2, 2])
      const [, url] = /health at (\S+)\/readyz/.exec(worker.stdout) ?? []
      const ready = await fetch(`${url}/readyz`)
      const reason = expect.stringMatching(
        /^it takes one task at a time: it uses \d+ MB of memory, more than 40 MB \(maxMemory\)$/,
      )
      expect([ready.status, await ready.json()]).toEqual([503, { status: 'unavailable', reason }])
      expect((await fetch(`${url}/livez`)).status).toBe(200)
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect(metrics).toContain('celeriac_worker_pressure{limit="event-loop"} 0\n')
    })

    it('quiet or stopped meanwhile, it ends as ever', async () => {
      const scene = new Scene(lab())
      const holding = await scene.send('hold', 400)
      const first = await scene.worker(...FULL)
      await first.until(EXCEEDED)
      first.child.kill('SIGTSTP')
      await first.until(/quiet: takes no more/)
      const waiting = await Promise.all([1, 2, 3].map(() => scene.send('pid')))
      first.child.kill('SIGTERM')
      await first.until(/stopping: 1 task runs/)
      scene.end()
      expect((await within(() => 'its end', first.ended)).code).toBe(0)
      await holding.get({ timeout: '60s' })
      const second = await scene.worker()
      expect(await Promise.all(waiting.map((handle) => handle.get({ timeout: '60s' })))).toEqual(
        waiting.map(() => second.child.pid),
      )
    })
  },
  { memory: false },
)
