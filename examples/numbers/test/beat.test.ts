import { join } from 'node:path'
import { expect, it, type TestContext } from 'vitest'
import { RedisServer } from '../../../test/redis/server.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'

const TASKS = join(import.meta.dirname, '../tasks.ts')
const INTERVAL = 1000

/** Runs of `sum` that a beat sent: by which id, when they were due and how late they were, ms. */
function sent({ stderr }: Program): { id: string; fire: number; late: number }[] {
  const lines = stderr.split('\n').filter((line) => line.includes('"msg":"Schedule sum sent'))
  return lines.map((line) => {
    const { id, fire, late } = JSON.parse(line) as { id: string; fire: string; late: number }
    return { id, fire: Date.parse(fire), late }
  })
}

/** Ids of the runs of `sum` that a worker was given, each time. */
function received({ stdout, stderr }: Program): string[] {
  return [...(stdout + stderr).matchAll(/sum_task\[([^\]]+)\] received/g)].map(([, id = '']) => id)
}

function beat(folder: Folder): Program {
  return folder.run('src/cli/main.ts', ['beat', '-A', TASKS])
}

/** A folder whose programs keep tasks and schedules in this store, until the end of the test. */
async function folderOn(kind: string, { onTestFinished }: TestContext): Promise<Folder> {
  const redis = kind === 'redis' ? await RedisServer.start() : undefined
  onTestFinished(() => redis?.stop())
  const folder = new Folder({ NUMBERS_INTERVAL: `${INTERVAL}ms`, ...(redis && { BROKER_URL: redis.url() }) })
  onTestFinished(() => folder.close())
  return folder
}

it.concurrent.for(['sqlite', ...inFull('redis')])(
  '%s: the beat is killed: the next one sends at most one late tick, then each at its time, none twice',
  async (kind, context) => {
    const folder = await folderOn(kind, context)
    const worker = folder.run('src/cli/main.ts', ['worker', '-A', TASKS, '--pool', 'solo'])
    await worker.until(/ ready/)
    const first = beat(folder)
    await first.until(/(Schedule sum sent[\s\S]*){2}/)
    await first.end('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 3.5 * INTERVAL))
    const second = beat(folder)
    await second.until(/(Schedule sum sent[\s\S]*){4}/)
    await second.end()
    // One that was killed before it could say that it had sent a tick: the next one does so by the same id, and nothing comes of it.
    const before = new Set(sent(first).map(({ id }) => id))
    const own = sent(second).filter(({ id }) => !before.has(id))
    const late = own.filter((tick) => tick.late >= INTERVAL)
    expect(late.length).toBeLessThanOrEqual(1)
    const ticks = [...sent(first), ...own]
    expect(new Set(ticks.map(({ fire }) => fire)).size).toBe(ticks.length)
    await eventually(
      async () => new Set(received(worker)),
      (ids) => ticks.every(({ id }) => ids.has(id)),
    )
    expect(received(worker)).toHaveLength(ticks.length)
    const onTime = own.filter((tick) => tick.late < INTERVAL)
    expect(onTime.map(({ fire }) => fire - (onTime[0]?.fire ?? 0))).toEqual(onTime.map((_, at) => at * INTERVAL))
  },
)
