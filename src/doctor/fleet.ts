import type { App } from '../app/app.ts'
import { Control } from '../control/control.ts'
import { nameIn, numberIn, textIn } from '../events/limits.ts'
import { isRecord } from '../std/isRecord.ts'
import type { ReadClock } from './skew.ts'

/** One of our workers. `reason`: why it takes no tasks, where it says so. */
export interface FleetWorker extends ReadClock {
  readonly version: string
  readonly ready: boolean
  readonly quiet: boolean
  readonly reason: string
}

/** What the workers that answer say of themselves. */
export interface Fleet {
  /** By host name. */
  readonly workers: readonly string[]
  /** What they take from, and the tasks that they know. */
  readonly queues: ReadonlySet<string>
  readonly tasks: ReadonlySet<string>
  /** By host name; ours alone: Celery's do not know the question. */
  readonly about: ReadonlyMap<string, FleetWorker>
}

/** Answers to one question by host name, of any sender, so nothing is known of them. */
type Answers = Readonly<Record<string, unknown>>

/** How long workers have to reply, ms. */
const REPLY_TIMEOUT_MS = 1000
const MAX_TEXT_LENGTH = 200

/** What workers say within the timeout; one that is busy with a task that blocks it may not answer. */
export async function fleetOf(app: App): Promise<Fleet> {
  const inspect = new Control(app).inspect({ timeout: REPLY_TIMEOUT_MS })
  const { clock } = app.config
  const from = clock.now()
  const [pongs, queues, tasks, about] = await Promise.all([
    inspect.ping(),
    inspect.activeQueues(),
    inspect.registered(),
    inspect.about().then((answers) => ({ answers, from, until: clock.now() })),
  ])
  return readFleet({ pongs, queues, tasks }, about)
}

/** What workers answered. What is of a wrong type is left out. */
export function readFleet(
  { pongs, queues, tasks }: { readonly pongs: Answers; readonly queues: Answers; readonly tasks: Answers },
  { answers, ...read }: Omit<ReadClock, 'time'> & { readonly answers: Answers },
): Fleet {
  return {
    workers: Object.keys(pongs),
    queues: namesIn(queues, (queue) => (isRecord(queue) ? queue.name : undefined)),
    // An attribute may follow the name.
    tasks: namesIn(tasks, (task) => (typeof task === 'string' ? task.split(' ', 1)[0] : undefined)),
    about: new Map(
      Object.entries(answers).flatMap(([worker, answer]) => {
        const known = workerIn(answer)
        return known ? [[worker, { ...known, ...read }]] : []
      }),
    ),
  }
}

function namesIn(answers: Answers, nameOf: (item: unknown) => unknown): Set<string> {
  const names = Object.values(answers).flatMap((answer) => (Array.isArray(answer) ? answer.map(nameOf) : []))
  return new Set(names.flatMap((name) => nameIn(name) ?? []))
}

function workerIn(answer: unknown): Omit<FleetWorker, 'from' | 'until'> | undefined {
  if (!isRecord(answer)) return undefined
  const version = textIn(answer.version, MAX_TEXT_LENGTH)
  const time = numberIn(answer.time, 0, Number.MAX_SAFE_INTEGER)
  if (version === undefined || time === undefined) return undefined
  const reason = textIn(answer.reason, MAX_TEXT_LENGTH) ?? 'it does not say why'
  return { version, time: time * 1000, ready: answer.ready === true, quiet: answer.quiet === true, reason }
}
