import { positionalDefinition } from '../calls/task.ts'
import { readUnlock } from '../canvas/chordUnlock.ts'
import { chordData, chunksData, groupData } from '../protocol/canvas.ts'
import { ownershipIn } from '../protocol/ownership.ts'
import { readSignature, readSignatures, type SignatureData } from '../protocol/signature.ts'
import { ArgumentError, NotSupportedError, StoreUnavailableError } from '../std/errors.ts'
import { currentTask } from '../tasks/current.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import { unlockChord } from './chordUnlock.ts'
import { sendWorkflow, type WorkflowHost } from './workflows.ts'

/** What the built-in tasks do by the app. */
export interface BuiltinHost {
  /** Call a task here, in the running job. Throws NotRegistered for a task that the app does not have. */
  callHere(task: string, args: readonly unknown[]): unknown
  /** What sends workflows. */
  workflows(): WorkflowHost
}

/**
 * Celery's own tasks (celery/app/builtins.py), which its clients and workers send. Each worker runs them; the app does
 * not list them, so no API exposes them.
 */
export function builtinTasks(host: BuiltinHost): ReadonlyMap<string, TaskDefinition> {
  const definitions = [
    positionalDefinition('celery.map', (task: unknown, it: unknown) => each(host, task, it, (item) => [item]), {
      params: ['task', 'it'],
    }),
    positionalDefinition('celery.starmap', (task: unknown, it: unknown) => each(host, task, it, argumentsOf), {
      params: ['task', 'it'],
    }),
    positionalDefinition('celery.chunks', (task, it, n) => sendChunks(host, task, it, n), {
      params: ['task', 'it', 'n'],
    }),
    positionalDefinition('celery.group', (tasks, _result, id, args) => sendGroup(host, tasks, id, args), {
      params: ['tasks', 'result?', 'group_id?', 'partial_args?', 'add_to_parent?'],
    }),
    positionalDefinition('celery.chord', (header, body, args) => sendChord(host, header, body, args), {
      params: ['header', 'body', 'partial_args?', 'interval?', 'countdown?', 'max_retries?', 'eager?'],
    }),
    positionalDefinition(
      'celery.chain',
      () => {
        throw new NotSupportedError('celery.chain: a chain is sent as its first step, and is no task')
      },
      { params: ['...steps'] },
    ),
    positionalDefinition(
      'celery.chord_unlock',
      (...call: readonly unknown[]) => {
        const [group, callback, interval, maxRetries, result] = call
        return unlockChord(host.workflows(), readUnlock(group, callback, interval, maxRetries, result))
      },
      {
        params: ['group_id', 'callback', 'interval?', 'max_retries?', 'result?'],
        // It looks again until all members have ended, or as often as its call says.
        retry: { max: Number.MAX_SAFE_INTEGER, on: [StoreUnavailableError] },
      },
    ),
    positionalDefinition('celery.accumulate', accumulate, { params: ['value', 'index?'] }),
    // Records expire by themselves.
    positionalDefinition('celery.backend_cleanup', () => null, { params: [] }),
  ]
  return new Map(definitions.map((definition) => [definition.name, definition]))
}

/** The list of its arguments, or one of them: the end of a group that replaces a task. */
function accumulate(value: unknown, index?: unknown): unknown {
  if (index === undefined || index === null) return [value]
  if (index === 0) return value
  throw new ArgumentError(`index: expected 0, for one value, got ${JSON.stringify(index)}`)
}

/** One after the other; ends between two when the job is to stop. */
async function each(
  host: BuiltinHost,
  task: unknown,
  items: unknown,
  toArgs: (item: unknown) => readonly unknown[],
): Promise<unknown[]> {
  const { task: name } = readSignature(task, 'task')
  const signal = currentTask()?.signal
  const results: unknown[] = []
  for (const item of listOf(items, 'it')) {
    signal?.throwIfAborted()
    results.push((await host.callHere(name, toArgs(item))) ?? null)
  }
  return results
}

function argumentsOf(item: unknown): readonly unknown[] {
  return listOf(item, 'it: item')
}

function sendChunks(host: BuiltinHost, task: unknown, it: unknown, n: unknown): Promise<string> {
  if (!Number.isSafeInteger(n) || (n as number) < 1)
    throw new ArgumentError(`n: expected a size >= 1, got ${String(n)}`)
  const items = listOf(it, 'it').map(argumentsOf)
  return send(host, chunksData(readSignature(task, 'task'), items, n as number), [])
}

function sendGroup(host: BuiltinHost, tasks: unknown, id: unknown, args: unknown): Promise<string> {
  const members = readSignatures(tasks, 'tasks') ?? []
  return send(
    host,
    groupData(members, typeof id === 'string' ? { task_id: id } : {}),
    listOf(args ?? [], 'partial_args'),
  )
}

function sendChord(host: BuiltinHost, header: unknown, body: unknown, args: unknown): Promise<string> {
  const members = Array.isArray(header) ? (readSignatures(header, 'header') ?? []) : readSignature(header, 'header')
  return send(host, chordData(members, readSignature(body, 'body')), listOf(args ?? [], 'partial_args'))
}

async function send(host: BuiltinHost, data: SignatureData, args: readonly unknown[]): Promise<string> {
  const options = ownershipIn(currentTask()?.headers) ?? {}
  return (await sendWorkflow(host.workflows(), data, args, options, undefined)).id
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new ArgumentError(`${name}: expected a list, got ${typeof value}`)
}
