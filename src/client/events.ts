import type {
  LiveFailuresDocument,
  LiveJobsDocument,
  LiveProblemDocument,
  LiveQueuesDocument,
  LiveResetDocument,
  LiveStatsDocument,
  LiveSubject,
  LiveWorkersDocument,
} from '../protocol/liveDocument.ts'
import type { FleetEventDocument } from '../protocol/recordedDocument.ts'
import { parse } from './json.ts'
import { backoff, pause } from './pause.ts'
import { ConnectionError, ProblemError, problemOf } from './problem.ts'
import { type Frame, FrameReader } from './sseReader.ts'
import { TRANSIENT_STATUSES, type Transport } from './transport.ts'
import type { JobError, JobEvent, LoggedLine } from './types.ts'

/** Which events of a job are read, and until when. */
export interface EventOptions {
  /** Events after this one: `id` of the last that was seen. Default: all that the server still has. */
  lastEventId?: string | undefined
  /** Ends the iteration with its reason. */
  signal?: AbortSignal | undefined
}

/** An event of a fleet; or `reset`: those between two numbers are not kept any more. */
export type FleetEvent =
  | (FleetEventDocument & { readonly kind: 'event'; readonly number: string })
  | { readonly kind: 'reset'; readonly number: string; readonly after: number; readonly before: number }

/** The data of each message of a stream of changes, by its name. */
interface LiveData {
  jobs: LiveJobsDocument
  stats: LiveStatsDocument
  queues: LiveQueuesDocument
  workers: LiveWorkersDocument
  failures: LiveFailuresDocument
  open: Record<never, never>
  reset: LiveResetDocument
  problem: LiveProblemDocument
}

/**
 * What has changed since the last message of its kind. `number`: of the last change of a job, to go on from by
 * `lastEventId`. `open`: the stream has begun; `reset`: changes of jobs were left out; `problem`: something cannot be
 * read now.
 */
export type LiveMessage = {
  [Kind in keyof LiveData]: LiveData[Kind] & { readonly kind: Kind; readonly number: string }
}[keyof LiveData]

const LIVE_KINDS: Readonly<Record<LiveSubject | 'open' | 'reset' | 'problem', true>> = {
  open: true,
  jobs: true,
  stats: true,
  queues: true,
  workers: true,
  failures: true,
  reset: true,
  problem: true,
}

/** The server sends something every 15 s: after this much silence the connection is dead, ms. */
const SILENCE_TIMEOUT_MS = 45_000
const DEFAULT_RETRY_MS = 2_000

/**
 * What happens to a job, from its beginning to its end, each event once and in order: a stream that breaks off is taken
 * up behind the last event. Throws ProblemError, and ConnectionError after as many vain attempts as the transport has
 * retries.
 */
export async function* jobEvents<Result, Progress, Chunk>(
  transport: Transport,
  id: string,
  { lastEventId = '', signal }: EventOptions,
): AsyncGenerator<JobEvent<Result, Progress, Chunk>, void, void> {
  const path = `/jobs/${encodeURIComponent(id)}/events`
  const place: Place = { path, about: `job ${id}`, id: lastEventId, retry: DEFAULT_RETRY_MS }
  const read = async (frame: Frame): Promise<JobEvent<Result, Progress, Chunk> | undefined> => {
    if (frame.event !== 'result-omitted') return eventOf(frame)
    return { type: 'result', id: frame.id, data: (await resultOf(transport, id, signal)) as Result }
  }
  for await (const event of readEvents(transport, place, read, signal)) {
    yield event
    if (event.type === 'result' || event.type === 'error') return
  }
}

/** What happens in a fleet, from now on or behind the last event, without an end. Throws as `jobEvents`. */
export async function* fleetEvents(
  transport: Transport,
  query: string,
  { lastEventId = '', signal }: EventOptions,
): AsyncGenerator<FleetEvent, void, void> {
  const place: Place = { path: `/events${query}`, about: 'the fleet', id: lastEventId, retry: DEFAULT_RETRY_MS }
  const read = ({ event, data, id: number }: Frame): FleetEvent | undefined => {
    if (event === 'fleet') return { ...(parse(data) as FleetEventDocument), kind: 'event', number }
    if (event === 'reset') return { ...(parse(data) as { after: number; before: number }), kind: 'reset', number }
    return undefined
  }
  yield* readEvents(transport, place, read, signal)
}

/** What changes in a fleet, from now on, without an end. Throws as `jobEvents`. */
export async function* liveMessages(
  transport: Transport,
  query: string,
  { lastEventId = '', signal }: EventOptions,
): AsyncGenerator<LiveMessage, void, void> {
  const place: Place = { path: `/live${query}`, about: 'the fleet', id: lastEventId, retry: DEFAULT_RETRY_MS }
  const read = ({ event, data, id: number }: Frame): LiveMessage | undefined =>
    Object.hasOwn(LIVE_KINDS, event) ? ({ ...(parse(data) as object), kind: event, number } as LiveMessage) : undefined
  yield* readEvents(transport, place, read, signal)
}

/** What `read` makes of each frame of a stream: one that breaks off is taken up behind the last frame. */
async function* readEvents<Event>(
  transport: Transport,
  place: Place,
  read: (frame: Frame) => Event | undefined | Promise<Event | undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Event, void, void> {
  for (let vain = 0; ; vain++) {
    let failure: Error = new ConnectionError(`the events of ${place.about} broke off`)
    try {
      for await (const frame of connection(transport, place, signal)) {
        const event = await read(frame)
        place.id = frame.id
        vain = 0
        if (event) yield event
      }
      if (place.retry === NO_MORE_EVENTS) return
    } catch (error) {
      if (!isPassing(error) || signal?.aborted) throw signal?.aborted ? signal.reason : error
      failure = error
    }
    if (vain >= transport.retries) throw failure
    const asked = failure instanceof ProblemError ? failure.retryAfter : undefined
    await pause(asked ?? Math.max(vain === 0 ? 0 : place.retry, backoff(vain)), signal)
  }
}

/** `retry` of a job that has no more events. */
const NO_MORE_EVENTS = -1

/** A stream: where it is, what it is of, and how far the client has come. */
interface Place {
  readonly path: string
  readonly about: string
  id: string
  retry: number
}

/** One connection, to its end. */
async function* connection(
  transport: Transport,
  place: Place,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame, void, void> {
  const stop = new AbortController()
  const abort = (): void => stop.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  let timer = setTimeout(silent, SILENCE_TIMEOUT_MS)
  function silent(): void {
    stop.abort(new ConnectionError(`the events of ${place.about} sent nothing for too long`))
  }
  try {
    const headers = { accept: 'text/event-stream', ...(place.id === '' ? {} : { 'last-event-id': place.id }) }
    const response = await transport.once(place.path, { headers, signal: stop.signal })
    if (response instanceof Error) throw response
    if (response.status === 204) place.retry = NO_MORE_EVENTS
    else if (!response.ok) throw await problemOf(response)
    const reader = new FrameReader(place.id)
    for await (const text of textOf(response)) {
      clearTimeout(timer)
      timer = setTimeout(silent, SILENCE_TIMEOUT_MS)
      yield* reader.read(text)
      place.retry = reader.retry ?? place.retry
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    stop.abort()
  }
}

/** By a reader: not every browser can iterate a stream. */
async function* textOf({ body }: Response): AsyncGenerator<string, void, void> {
  if (!body) return
  const reader = body.getReader()
  const decoder = new TextDecoder()
  try {
    for (;;) {
      const step = await reader.read().catch((error: unknown) => {
        if (error instanceof ConnectionError) throw error
        throw new ConnectionError('the event stream broke off', { cause: error })
      })
      if (step.done) return
      yield decoder.decode(step.value, { stream: true })
    }
  } finally {
    // One that broke off already cannot be cancelled again, and need not be.
    await reader.cancel().catch(() => undefined)
  }
}

function isPassing(error: unknown): error is Error {
  return error instanceof ConnectionError || (error instanceof ProblemError && TRANSIENT_STATUSES.has(error.status))
}

/** Undefined for an event of a later version, which is left out. */
function eventOf<Result, Progress, Chunk>({ event, data, id }: Frame): JobEvent<Result, Progress, Chunk> | undefined {
  switch (event) {
    case 'state':
      return { ...(parse(data) as { state: string; attempt: number }), type: 'state', id }
    case 'progress':
      return { type: 'progress', id, data: parse(data) as Progress }
    case 'chunk':
      return { ...(parse(data) as { attempt: number; data: Chunk }), type: 'chunk', id }
    case 'log':
      return { ...(parse(data) as LoggedLine), type: 'log', id }
    case 'result':
      return { type: 'result', id, data: parse(data) as Result }
    case 'error': {
      const { state, ...error } = parse(data) as JobError & { state: 'FAILURE' | 'REVOKED' }
      return { type: 'error', id, state, error }
    }
    case 'reset':
      return { type: 'reset', id }
    default:
      return undefined
  }
}

/** The result of a job: JSON as a value, text as text, else bytes. Throws ProblemError, ConnectionError. */
export async function resultOf(transport: Transport, id: string, signal: AbortSignal | undefined): Promise<unknown> {
  const response = await transport.ask(`/jobs/${encodeURIComponent(id)}/result`, { signal })
  const type = response.headers.get('content-type') ?? ''
  if (/^application\/(?:json|[^;]+\+json)/i.test(type)) return parse(await response.text())
  return /^text\//i.test(type) ? response.text() : new Uint8Array(await response.arrayBuffer())
}
