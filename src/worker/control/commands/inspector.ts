import { isSet } from '../../../protocol/control.ts'
import { PROFILE_SECONDS } from '../../../protocol/controlCommands.ts'
import type { ChildInfo } from '../../pool/pool.ts'
import type { Request } from '../../task/request.ts'
import type { Arguments, Command, CommandContext, ControlledWorker } from '../controlled.ts'
import { wholeOf } from './arguments.ts'
import { infoOf, pidOf } from './requests.ts'

/** What slots execute. */
export const INSPECTOR_COMMANDS: Readonly<Record<string, Command>> = { where, profile }

/** How long a slot may take to show what it executes, ms: those who ask wait for about twice as long. */
const STACK_LIMIT_MS = 500
/** Largest profile in an answer. */
const MAX_PROFILE_BYTES = 12 * 1024 * 1024
/** Longest profile, seconds. */
const MAX_SECONDS = 60

/** A thread or process of a pool. Its slot is its number among all children of the worker, from 1. */
interface Child extends ChildInfo {
  readonly slot: number
  readonly pool: string
}

function childrenOf({ worker }: CommandContext): readonly Child[] {
  return worker.pools
    .flatMap(({ kind, children = [] }) => children.map((child) => ({ ...child, pool: kind })))
    .map((child, at) => ({ ...child, slot: at + 1 }))
}

/** Answers that are being made: those who ask meanwhile get the same. */
const wheres = new WeakMap<ControlledWorker, Promise<unknown>>()

/** Each run, with where it runs. */
function where(_: Arguments, context: CommandContext): Promise<unknown> {
  const { worker, state } = context
  const present = wheres.get(worker)
  if (present !== undefined) return present
  const children = childrenOf(context)
  const requests = [...state.running.values()]
  const answer = Promise.all(requests.map((request) => whereIs(request, children, context))).finally(() =>
    wheres.delete(worker),
  )
  wheres.set(worker, answer)
  return answer
}

async function whereIs(request: Request, children: readonly Child[], context: CommandContext): Promise<unknown> {
  const { id, name, time_start } = infoOf(request, context, true)
  const child = children.find(({ job }) => job === id)
  // Its own pool may have children, and another one beside it none.
  const ownThread = context.worker.pools.find(({ children: ofPool }) => ofPool === undefined)
  const runtime =
    request.begun === undefined ? null : Math.max(0, context.app.config.clock.now() - request.begun) / 1000
  const about = {
    id,
    name,
    time_start,
    runtime,
    pool: child?.pool ?? (ownThread ?? context.worker.pool).kind,
    slot: child?.slot ?? null,
    worker_pid: pidOf(request, context),
  }
  const stack = await child?.stack(STACK_LIMIT_MS).catch(() => undefined)
  // Another task may have begun in its slot meanwhile: the stack would be that one's.
  const isSame = context.state.running.get(request.id) === request
  return { ...about, stack: (isSame && stack) || null }
}

/** Workers that are being profiled. */
const profiled = new WeakSet<ControlledWorker>()

/**
 * Write a CPU profile of a slot, or of the worker's own thread. The worker chooses folder and name of the file, which
 * its user alone can read. `content`: the answer has it, and no file is written.
 */
async function profile({ seconds, slot, content }: Arguments, context: CommandContext): Promise<unknown> {
  const { worker } = context
  const time = secondsOf(seconds)
  const children = childrenOf(context)
  const number = slot === undefined || slot === null ? undefined : wholeOf(slot, 'slot', 1)
  const child = number === undefined ? undefined : children[number - 1]
  if (number !== undefined && !child)
    throw new RangeError(`slot: expected ${slotsOf(children)}, got ${number}; without a slot: the worker's own thread`)
  if (profiled.has(worker)) throw new RangeError('a profile is being taken: one at a time')
  profiled.add(worker)
  try {
    const { takeProfile, writeProfile } = await import('../../inspector/profileFile.ts')
    const source = child ? (ms: number): Promise<string> => child.profile(ms) : undefined
    const text = await takeProfile({ ...context, time: time * 1000, source })
    const where = { slot: number ?? null, pid: child?.pid ?? process.pid }
    if (isSet(content)) return { ok: `profile of ${time} s`, path: '', profile: sendableProfile(text), ...where }
    const path = await writeProfile(text, context)
    return { ok: `profile of ${time} s written to ${path}`, path, ...where }
  } finally {
    profiled.delete(worker)
  }
}

/** Brokers carry no longer messages than some megabytes. */
function sendableProfile(text: string): string {
  const size = Buffer.byteLength(text)
  if (size <= MAX_PROFILE_BYTES) return text
  throw new RangeError(
    `the profile has ${size} bytes, more than ${MAX_PROFILE_BYTES}: take a shorter one, or let it be written to a file`,
  )
}

function secondsOf(seconds: unknown): number {
  const time = wholeOf(seconds, 'seconds', 1, PROFILE_SECONDS)
  if (time <= MAX_SECONDS) return time
  throw new RangeError(`seconds: expected a whole number from 1 to ${MAX_SECONDS}, got ${time}`)
}

function slotsOf({ length }: readonly Child[]): string {
  return length === 0 ? 'none, since tasks run in its own thread' : `one from 1 to ${length}`
}
