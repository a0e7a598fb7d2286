import type { App } from '../../app/app.ts'
import { type Answers, Control, type Inspect, type WorkerAbout } from '../../control/control.ts'
import type { ReadClock } from './skew.ts'

/** What the workers that answer say of themselves, by host name. */
export interface Fleet {
  readonly workers: readonly string[]
  /** Workers by queue, and by the name of the task. */
  readonly queues: ReadonlyMap<string, readonly string[]>
  readonly tasks: ReadonlyMap<string, readonly string[]>
  /** Ours alone: Celery's do not know the question. */
  readonly about: ReadonlyMap<string, WorkerAbout & ReadClock>
}

/** How long workers have to reply, ms. */
const REPLY_TIMEOUT_MS = 1000

/** What workers say within the timeout; one that is busy with a task that blocks it may not answer. */
export async function fleetOf(app: App): Promise<Fleet> {
  const inspect = new Control(app).inspect({ timeout: REPLY_TIMEOUT_MS })
  const [pongs, queues, tasks, about] = await Promise.all([
    inspect.ping(),
    inspect.activeQueues(),
    inspect.registered(),
    aboutOf(app, inspect),
  ])
  return {
    workers: Object.keys(pongs),
    queues: grouped(pairsOf(queues, ({ name }) => name)),
    tasks: grouped(pairsOf(tasks, (text) => text.split(' ', 1)[0] as string)),
    about,
  }
}

async function aboutOf(app: App, inspect: Inspect): Promise<Fleet['about']> {
  const { clock } = app.config
  const from = clock.now()
  const answers = await inspect.about()
  const until = clock.now()
  return new Map(
    Object.entries(answers).flatMap(([worker, answer]) =>
      'error' in answer ? [] : [[worker, { ...answer, from, until, time: answer.time * 1000 }] as const],
    ),
  )
}

function pairsOf<Item>(
  answers: Answers<readonly Item[]>,
  keyOf: (item: Item) => string,
): (readonly [key: string, worker: string])[] {
  return Object.entries(answers).flatMap(([worker, answer]) =>
    Array.isArray(answer) ? answer.map((item: Item) => [keyOf(item), worker] as const) : [],
  )
}

function grouped(pairs: readonly (readonly [key: string, worker: string])[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const [key, worker] of pairs) groups.set(key, [...(groups.get(key) ?? []), worker])
  return groups
}
