import type { Inspect } from '../../control/control.ts'
import { countIn, nameIn, numberIn, textIn } from '../../events/limits.ts'
import { isRecord } from '../../std/isRecord.ts'

/** Bounds of what is kept of the answers of workers. */
const MAX_WORKERS = 1000
const MAX_TASKS_PER_WORKER = 200
const MAX_QUEUES = 200
const MAX_TEXT_LENGTH = 200

/** What one worker answered. */
export interface WorkerAnswer {
  readonly pool: string | undefined
  readonly slots: number | undefined
  /** Runs that have begun. */
  readonly processed: number | undefined
  readonly running: readonly { readonly id: string; readonly name: string; readonly began: number | undefined }[]
  readonly queues: readonly string[]
}

/** Answers to one question by host name, of any sender, so nothing is known of them. */
type Answers = Readonly<Record<string, unknown>>

/** Ask all workers what they are, run and take from. Rejects with StoreUnavailableError. */
export async function askWorkers(inspect: Inspect): Promise<Map<string, WorkerAnswer>> {
  const questions = [inspect.stats(), inspect.active({ safe: true }), inspect.activeQueues()] as const
  return readAnswers(...(await Promise.all(questions)))
}

/** What workers answered, by host name. What is of a wrong type, or too much, is left out. */
export function readAnswers(stats: Answers, active: Answers, queues: Answers): Map<string, WorkerAnswer> {
  const names = Object.keys({ ...stats, ...active, ...queues }).filter((name) => nameIn(name) !== undefined)
  return new Map(
    names.slice(0, MAX_WORKERS).map((name) => [
      name,
      {
        ...poolIn(stats[name]),
        running: listIn(active[name], MAX_TASKS_PER_WORKER).flatMap(taskIn),
        queues: listIn(queues[name], MAX_QUEUES).flatMap(queueIn),
      },
    ]),
  )
}

function poolIn(stats: unknown): Pick<WorkerAnswer, 'pool' | 'slots' | 'processed'> {
  const { pool, total } = isRecord(stats) ? stats : {}
  const { implementation, 'max-concurrency': slots } = isRecord(pool) ? pool : {}
  const counts = isRecord(total) ? Object.values(total).map((count) => countIn(count) ?? 0) : undefined
  return {
    pool: poolName(textIn(implementation, MAX_TEXT_LENGTH)),
    slots: countIn(slots),
    processed: counts?.reduce((sum, count) => sum + count, 0),
  }
}

/** `celeriac:threads` is threads, `celery.concurrency.prefork:TaskPool` prefork. */
function poolName(implementation: string | undefined): string | undefined {
  const [module = '', kind = ''] = implementation?.split(':') ?? []
  return (module === 'celeriac' ? kind : module.slice(module.lastIndexOf('.') + 1)) || undefined
}

function taskIn(task: unknown): WorkerAnswer['running'] {
  const { id, name, time_start } = isRecord(task) ? task : {}
  const known = nameIn(id)
  if (known === undefined) return []
  return [{ id: known, name: nameIn(name) ?? '?', began: numberIn(time_start, 0, Number.MAX_SAFE_INTEGER) }]
}

function queueIn(queue: unknown): string[] {
  const name = isRecord(queue) ? nameIn(queue.name) : undefined
  return name === undefined ? [] : [name]
}

function listIn(value: unknown, limit: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, limit) : []
}
