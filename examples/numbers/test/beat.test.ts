import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { Folder, type Program } from '../../shared/test/program.ts'

// It starts processes.
vi.setConfig({ testTimeout: 60_000 })

const TASKS = join(import.meta.dirname, '../tasks.ts')
const INTERVAL = 1000

let folder: Folder

afterEach(() => folder.close())

/** Runs of `sum` that a beat sent: when they were due and how late they were, ms. */
function sent({ stderr }: Program): { fire: number; late: number }[] {
  const lines = stderr.split('\n').filter((line) => line.includes('"msg":"Schedule sum sent'))
  return lines.map((line) => {
    const { fire, late } = JSON.parse(line) as { fire: string; late: number }
    return { fire: Date.parse(fire), late }
  })
}

function beat(): Program {
  return folder.run('src/cli/main.ts', ['beat', '-A', TASKS])
}

it('the beat is killed: the next one sends at most one late tick, then each at its time, none twice', async () => {
  folder = new Folder({ NUMBERS_INTERVAL: `${INTERVAL}ms` })
  const worker = folder.run('src/cli/main.ts', ['worker', '-A', TASKS, '--pool', 'solo'])
  await worker.until(/ ready/)
  const first = beat()
  await first.until(/(Schedule sum sent[\s\S]*){2}/)
  await first.end('SIGKILL')
  await new Promise((resolve) => setTimeout(resolve, 3.5 * INTERVAL))
  const second = beat()
  await second.until(/(Schedule sum sent[\s\S]*){4}/)
  await second.end()
  const late = sent(second).filter((tick) => tick.late >= INTERVAL)
  expect(late.length).toBeLessThanOrEqual(1)
  const fires = [...sent(first), ...sent(second)].map(({ fire }) => fire)
  expect(new Set(fires).size).toBe(fires.length)
  const onTime = sent(second).filter((tick) => tick.late < INTERVAL)
  expect(onTime.map(({ fire }) => fire - (onTime[0]?.fire ?? 0))).toEqual(onTime.map((_, at) => at * INTERVAL))
})
