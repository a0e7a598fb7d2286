/*
 * npm run bench:beat -- [--idle SECONDS] [--ticks N] [--json FILE]
 * What a schedule of 10,000 entries costs while nothing is due, and how late a thousand are sent that are due at once.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BeatFigures } from './beat/child.ts'
import { isBusy, machine } from './machine.ts'
import { Server } from './redis/server.ts'
import { table } from './table.ts'

/** What must hold. */
const MOST_CPU = 2
const MOST_LATE = 200

const { values: flags } = parseArgs({
  options: {
    idle: { type: 'string', default: '20' },
    ticks: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
})

async function measure(url: string): Promise<BeatFigures> {
  const settings = { url, idle: Number(flags.idle) * 1000, ticks: Number(flags.ticks) }
  const child = fork(join(import.meta.dirname, 'beat/child.ts'), {
    env: { ...process.env, BENCH_BEAT: JSON.stringify(settings) },
    execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the beat ended with ${code}`)
  })
  const [figures] = (await Promise.race([once(child, 'message'), ended])) as [BeatFigures]
  ended.catch(() => undefined)
  child.kill()
  return figures
}

async function main(): Promise<void> {
  const host = machine()
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  const server = await Server.start()
  try {
    const measured = {
      sqlite: await measure(`sqlite:${join(folder, 'store.db')}`),
      redis: await measure(`redis://127.0.0.1:${server.port}/0`),
    }
    const rows = Object.entries(measured).map(([name, one]) => [
      name,
      `${one.start.toFixed(0)} ms`,
      `${one.cpu.toFixed(2)} %`,
      `${one.memory.toFixed(0)} MiB`,
      ...one.late.map((late) => `${late.toFixed(0)} ms`),
    ])
    const ticks = measured.sqlite.late.map((_, at) => `tick ${at + 1}`)
    console.log(table([['10,000 entries', 'start', 'CPU idle', 'memory', ...ticks], ...rows]))
    console.log(
      `\nA tick sends 1,000 tasks; its figure is how late the last of them was. Node ${host.node}, ${host.cpu}, ${host.cores} cores`,
    )
    const bad = Object.values(measured).some(({ cpu, late }) => cpu > MOST_CPU || Math.max(...late) > MOST_LATE)
    console.log(
      `${bad ? 'MISSED' : 'held'}: at most ${MOST_CPU} % CPU, at most ${MOST_LATE} ms late${isBusy(host) ? ' (others compute on this machine)' : ''}`,
    )
    if (flags.json) {
      mkdirSync(dirname(flags.json), { recursive: true })
      writeFileSync(flags.json, `${JSON.stringify({ machine: host, ...measured }, null, 2)}\n`)
    }
    if (bad) process.exitCode = 1
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
