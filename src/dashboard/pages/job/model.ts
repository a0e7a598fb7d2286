import { useEffect, useMemo } from 'preact/hooks'
import { ProblemError } from '../../../client/problem.ts'
import type { JobDocument } from '../../../protocol/jobDocument.ts'
import type { JobHistoryDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { can } from '../../app/session.ts'
import { isEnded } from '../../parts/state.tsx'

/** What is known of one job: by its record, by the recorder, or by both. */
export interface KnownJob {
  /** Absent where its record has expired, or it never had one, as a Python job that has not ended. */
  readonly info?: JobDocument
  /** Absent where no recorder has seen it. */
  readonly history?: JobHistoryDocument
  /** Why one of them is not known, beside that there is none. */
  readonly problems: readonly Error[]
}

/** Answers that say that there is nothing: the other side may know it nevertheless. */
const MISSING: ReadonlySet<number> = new Set([404, 410, 501])

/** Load a job, and again when it changes. */
export function useJob(id: string): Resource<KnownJob> {
  const resource = useResource((signal) => load(id, signal), [id])
  const { reload, update } = resource
  const again = useMemo(() => coalesced(reload), [reload])
  useLive(
    can('record')
      ? {
          watch: { watch: 'jobs', id },
          begin: again,
          change: (message) => {
            const job = message.kind === 'jobs' ? message.jobs.find((one) => one.id === id) : undefined
            if (!job) return
            update((known) => ({
              ...known,
              history: { steps: [], ...known.history, job: { ...known.history?.job, ...job } },
            }))
            again()
          },
        }
      : undefined,
  )
  // Without a recorder the events of the job say when it changes; a Python job has none, so it is asked for.
  const { data } = resource
  const isFollowed = can('record') || data?.info !== undefined
  useEffect(() => {
    if (isFollowed) return
    const timer = setInterval(again, UNFOLLOWED_MS)
    return () => clearInterval(timer)
  }, [isFollowed, again])
  return { ...resource, reload: async () => again() }
}

const UNFOLLOWED_MS = 5000

async function load(id: string, signal: AbortSignal): Promise<KnownJob> {
  const [info, history] = await Promise.all([
    answerOf(client.job(id).info({ signal })),
    can('record') ? answerOf(client.recorded.history(id, { signal })) : undefined,
  ])
  const answers = [info, history].filter((answer) => answer !== undefined)
  const problems = answers.flatMap(({ problem }) => (problem && !isMissing(problem) ? [problem] : []))
  const isKnown = answers.some(({ value }) => value !== undefined)
  if (!isKnown) throw problems[0] ?? info.problem ?? new Error('nothing is known of this job')
  return { ...(info.value && { info: info.value }), ...(history?.value && { history: history.value }), problems }
}

interface Answer<T> {
  readonly value?: T
  readonly problem?: Error
}

async function answerOf<T>(asked: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await asked }
  } catch (error) {
    return { problem: error as Error }
  }
}

/** The job is not known there. */
export function isMissing(error: Error): boolean {
  return error instanceof ProblemError && MISSING.has(error.status)
}

/** A job that changes often is loaded again no sooner than this after the last time, ms: /live has most of it. */
const MIN_GAP_MS = 400

/** One run at a time; what is asked for meanwhile is one run more, a little later. */
function coalesced(run: () => Promise<void>): () => void {
  let isRunning = false
  let isWanted = false
  const start = (): void => {
    isWanted = true
    if (!isRunning) void drain()
  }
  const drain = async (): Promise<void> => {
    isRunning = true
    while (isWanted) {
      isWanted = false
      await run()
      await new Promise((resolve) => setTimeout(resolve, MIN_GAP_MS))
    }
    isRunning = false
  }
  return start
}

/** What a page says of a job, whichever side knows it. */
export interface JobView {
  readonly id: string
  readonly task: string | null
  readonly state: string
  readonly attempt: number
  readonly createdAt?: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** ms */
  readonly wait?: number
  readonly runtime?: number
  readonly error?: { readonly type: string; readonly message: string }
}

export function viewOf({ info, history }: KnownJob): JobView {
  const job = history?.job
  const createdAt = info?.createdAt ?? job?.sentAt ?? job?.firstAt
  const startedAt = info?.startedAt ?? job?.startedAt
  const endedAt = info?.finishedAt ?? job?.endedAt
  const wait = job?.wait ?? between(createdAt, startedAt)
  const runtime = job?.runtime ?? between(startedAt, endedAt)
  const error = info?.error ?? errorOf(job?.exception)
  return {
    id: info?.id ?? job?.id ?? '',
    task: info?.task ?? job?.task ?? null,
    state: stateOf(info?.state, job?.state),
    attempt: Math.max(info?.attempt ?? 1, (job?.retries ?? 0) + 1),
    ...(createdAt && { createdAt }),
    ...(startedAt && { startedAt }),
    ...(endedAt && { endedAt }),
    ...(wait !== undefined && { wait }),
    ...(runtime !== undefined && { runtime }),
    ...(error && { error }),
  }
}

/** The later of both: an end is, and what is more than to wait. */
function stateOf(record: string | undefined, recorded: string | undefined): string {
  if (record === undefined || recorded === undefined) return record ?? recorded ?? 'PENDING'
  if (isEnded(record)) return record
  return isEnded(recorded) || record === 'PENDING' || record === 'UNKNOWN' ? recorded : record
}

function between(from: string | null | undefined, to: string | null | undefined): number | undefined {
  return from && to ? Math.max(0, Date.parse(to) - Date.parse(from)) : undefined
}

/** Of an error as Python prints it, `ValueError('no such row')`: its class and the rest. */
export function errorOf(exception: string | undefined): { type: string; message: string } | undefined {
  if (exception === undefined) return undefined
  const at = exception.indexOf('(')
  if (at <= 0) return { type: exception, message: '' }
  const inside = exception.endsWith(')') ? exception.slice(at + 1, -1).replace(/,$/, '') : exception.slice(at + 1)
  const isQuoted = inside.length > 1 && /^['"]/.test(inside) && inside.endsWith(inside[0] as string)
  return { type: exception.slice(0, at), message: isQuoted ? inside.slice(1, -1) : inside }
}
