import type { Context } from 'hono'
import type { LiveSubject } from '../../../protocol/liveDocument.ts'
import type { Recording } from '../../../recorder/recording.ts'
import { hasRole, roleProblem } from '../../access/roles.ts'
import { baseOf, type HttpScope } from '../../apiContext.ts'
import { readQuery, requireWhole, requireWord, wrongParameter } from '../../input/query.ts'
import { lastEventId, parseEventId, respondEvents } from '../../output/eventAnswer.ts'
import type { Problem } from '../../output/problem.ts'
import { respondProblem } from '../../output/problem.ts'
import { answerRecorded, isProblem, RECORDED_READERS, type Seen, seenOf } from '../recorded.ts'
import { requireSubject } from '../stats.ts'
import { failurePart } from './failurePart.ts'
import { jobPart } from './jobPart.ts'
import { mergedParts, type Part } from './part.ts'
import { queuePart } from './queuePart.ts'
import { statsPart } from './statsPart.ts'
import { workerPart } from './workerPart.ts'

const SUBJECTS: readonly LiveSubject[] = ['jobs', 'stats', 'queues', 'workers', 'failures']
/** What the recorder does not need to know. */
const OF_STORES: ReadonlySet<LiveSubject> = new Set(['queues', 'workers'])
/** Jobs of one message. */
const MAX_JOBS = 200

const { state: _state, since: _since, until: _until, ...FILTER_READERS } = RECORDED_READERS
const READERS = {
  watch: requireSubjects,
  ...FILTER_READERS,
  id: requireWord,
  by: requireSubject,
  limit: requireWhole(MAX_JOBS),
  last_event_id: parseEventId,
}

type Asked = Extract<ReturnType<typeof readAsked>, { kind: 'values' }>['values']

function readAsked(c: Context) {
  return readQuery(c.req.url, READERS)
}

/** `GET /live`: what changes of all that one page shows, as server-sent events without an end. */
export async function liveChanges(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readAsked(c)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { watch } = query.values
  if (!watch) return respondProblem(wrongParameter('watch', `expected one or more of ${SUBJECTS.join(', ')}`), path)
  const ofStores = watch.find((subject) => OF_STORES.has(subject))
  const refused = ofStores && roleProblem(c, 'viewer', `to see ${ofStores}`)
  if (refused) return respondProblem(refused, path)
  if (watch.every((subject) => OF_STORES.has(subject))) return respondParts(c, scope, storeParts(watch, scope))
  return answerRecorded(c, scope, async (recording) => {
    const parts = await recordedParts(c, scope, recording, query.values)
    return isProblem(parts) ? parts : respondParts(c, scope, [...parts, ...storeParts(watch, scope)], recording)
  })
}

function respondParts(c: Context, scope: HttpScope, parts: readonly Part[], recording?: Recording): Response {
  const watch = recording ? (written: () => void) => recording.watch(written) : () => () => undefined
  return respondEvents(c, scope, {}, (signal) => mergedParts(parts, watch, { clock: scope.app.config.clock, signal }))
}

function storeParts(watch: readonly LiveSubject[], { app }: HttpScope): Part[] {
  return [
    ...(watch.includes('queues') ? [queuePart(app)] : []),
    ...(watch.includes('workers') ? [workerPart(app)] : []),
  ]
}

/** What the recorder answers; or what is wrong with the query. */
async function recordedParts(
  c: Context,
  scope: HttpScope,
  recording: Recording,
  asked: Asked,
): Promise<readonly Part[] | Problem> {
  const { watch = [], last_event_id: ofUrl, by = hasRole(c, 'viewer') ? 'all' : 'task', queue, q } = asked
  const after = lastEventId(c, ofUrl)
  if (typeof after === 'object') return after
  const seen = seenOf(c, scope, { owner: asked.owner, tasks: asked.task })
  if (isProblem(seen)) return seen
  const wrong = watch.includes('stats') && by !== 'task' && roleProblem(c, 'viewer', `stats by ${by}`)
  if (wrong) return wrong
  const parts: Part[] = []
  const resumed = { clock: scope.app.config.clock, isResumed: after !== undefined }
  if (watch.includes('jobs')) {
    const filter = filterOf(asked, seen)
    // Before the headers are sent: what the client lists afterwards leaves no gap.
    const { last } = await recording.changes({ ...filter, limit: 1 })
    parts.push(jobPart(recording, filter, { after: after ?? last, base: baseOf(c.req.path, 1) }))
  }
  if (watch.includes('stats')) {
    const names = by === 'queue' ? queue : by === 'task' ? seen.tasks : undefined
    parts.push(statsPart(recording, { by, names, owner: seen.owner }, resumed))
  }
  if (watch.includes('failures')) parts.push(failurePart(recording, { ...seen, q }, resumed))
  return parts
}

function filterOf({ id, queue, worker, tag, root, fingerprint, q, limit = MAX_JOBS }: Asked, seen: Seen) {
  const ids = id === undefined ? undefined : [id]
  return { ...seen, ids, queues: queue, workers: worker, tag, rootId: root, fingerprint, q, limit }
}

function requireSubjects(text: string): readonly LiveSubject[] {
  const words = text.split(',')
  if (!words.every((word): word is LiveSubject => SUBJECTS.some((subject) => subject === word)))
    throw new RangeError(`expected one or more of ${SUBJECTS.join(', ')}`)
  return words
}
