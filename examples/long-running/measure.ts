import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/*
 * What the service can do for others while a task runs: starts services of its own, of one process and of two, calls the task the
 * synchronous way and the asynchronous way, and asks meanwhile, as another client would, whether it is alive. Prints a table.
 */

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
/** The task is made shorter than the 30 s of the service, for a quick answer: s. */
const SECONDS = 1.5
const CALLS = 3
/** ms after the calls at which the other client asks. */
const LATER = 100

/** Times since the calls were made, ms. */
interface Times {
  /** When each call had its answer. */
  readonly answered: readonly number[]
  /** When each had its result. */
  readonly done: readonly number[]
  /** How long the other client waited for its answer. */
  readonly other: number
}

/** Resolves with the times, since that moment, at which it had its answer and its result. */
type Call = (base: string, since: number) => Promise<[answered: number, done: number]>

async function measure(base: string, calls: number, call: Call): Promise<Times> {
  const since = performance.now()
  const calling = Promise.all(Array.from({ length: calls }, () => call(base, since)))
  await sleep(LATER)
  const asked = performance.now()
  await fetch(`${base}/livez`)
  const other = performance.now() - asked
  const times = await calling
  const sorted = (at: 0 | 1): number[] => times.map((one) => one[at]).sort((a, b) => a - b)
  return { answered: sorted(0), done: sorted(1), other }
}

async function synchronous(base: string, since: number): Promise<[number, number]> {
  await (await fetch(`${base}/long_running_task`, { method: 'POST' })).json()
  const answered = performance.now() - since
  return [answered, answered]
}

async function asynchronous(base: string, since: number): Promise<[number, number]> {
  const path = `${base}/async_long_running_task`
  const { task_id } = (await (await fetch(path, { method: 'POST' })).json()) as { task_id: string }
  const answered = performance.now() - since
  for (;;) {
    const { task_result } = (await (await fetch(`${path}/${task_id}/result`)).json()) as { task_result?: string }
    if (task_result !== undefined) return [answered, performance.now() - since]
    await sleep(20)
  }
}

/** Processes that serve, what was called, and the times of it. */
type Row = readonly [processes: string, calls: string, times: Times]

const HEAD = ['processes', 'calls', 'answered after, s', 'done after, s', 'another client waits, s']

function table(rows: readonly Row[]): string {
  const seconds = (...times: readonly number[]): string => times.map((ms) => (ms / 1000).toFixed(2)).join(', ')
  const cells = rows.map(([processes, calls, { answered, done, other }]) => {
    return [processes, calls, seconds(...answered), seconds(...done), seconds(other)]
  })
  const all = [HEAD, ...cells]
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   '))
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** The service in a process of its own. Resolves with its address, when it is up; rejects with what it said, when it ends before. */
function addressOf(service: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const hear = (chunk: string): void => {
      text += chunk
      const [, url] = /^long-running is at (\S+?): /m.exec(text) ?? []
      if (url !== undefined) resolve(url)
    }
    for (const stream of [service.stdout, service.stderr]) stream?.setEncoding('utf8').on('data', hear)
    service.once('close', () => reject(new Error(text)))
  })
}

/** What a service of so many processes does, a row for each way and number of calls. */
async function rowsOf(workers: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'long-running-'))
  const store = `sqlite:${join(folder, 'tasks.db')}`
  const flags = ['--port', '0', '--broker', store, '--workers', `${workers}`, '--concurrency', `${CALLS}`]
  const service = spawn(process.execPath, [...process.execArgv, MAIN, ...flags], {
    env: { ...process.env, LONG_RUNNING_SECONDS: String(SECONDS) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(service, 'exit')
  try {
    const base = await addressOf(service)
    const rows: Row[] = []
    for (const [how, call] of Object.entries({ synchronous, asynchronous })) {
      for (const calls of [1, CALLS]) rows.push([`${workers}`, `${calls} ${how}`, await measure(base, calls, call)])
    }
    return rows
  } finally {
    service.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}

const rows = [...(await rowsOf(1)), ...(await rowsOf(2))]
console.log(`A task of ${SECONDS} s, and a worker that runs ${CALLS} at once\n\n${table(rows)}`)
