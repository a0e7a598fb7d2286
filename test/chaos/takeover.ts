import { type Scene, until } from './scene.ts'

const TASKS = 10

/** How long after its end the tasks of a killed worker were with another: the first and the last, ms. */
export interface Takeover {
  readonly first: number
  readonly last: number
}

/** Kill a worker that runs ten long tasks, beside an idle one, and wait until that has them. */
export async function takeOver(scene: Scene): Promise<Takeover> {
  const ids = await scene.send(
    'chaos.wait',
    Array.from({ length: TASKS }, () => [60_000]),
  )
  const worker = await scene.start('worker', { concurrency: TASKS }).ready()
  await until('all run', () => scene.effects().size === ids.length)
  const other = await scene.start('worker', { concurrency: TASKS }).ready()
  worker.kill('SIGKILL')
  await worker.ended(5000)
  await until('the other has them', () => other.noted('r').size === ids.length)
  const waits = [...other.notes('r').values()].map((at) => at - worker.endedAt)
  return { first: Math.min(...waits), last: Math.max(...waits) }
}
