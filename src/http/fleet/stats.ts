import type { Context } from 'hono'
import type { GapDocument, StatsDocument, StatsPointDocument } from '../../protocol/recordedDocument.ts'
import type { Gap, StatsPoint, StatsStep } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import { roleProblem } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { type Reader, readQuery, requireFlag, requireMoment, requireWord, wrongParameter } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { answerRecorded, isProblem, requireWords, seenOf } from './recorded.ts'

const STEPS: Readonly<Record<StatsStep, number>> = { '1s': 1000, '1m': 60_000, '1h': 3_600_000 }
/** Points of one series. */
const MAX_POINTS = 1500
const DEFAULT_RANGE_MS = 3_600_000

const requireStep: Reader<StatsStep> = (text) => {
  if (Object.hasOwn(STEPS, text)) return text as StatsStep
  throw new RangeError(`expected one of ${Object.keys(STEPS).join(', ')}`)
}

/** What a series is of. */
export const requireSubject: Reader<'all' | 'task' | 'queue'> = (text) => {
  if (text === 'all' || text === 'task' || text === 'queue') return text
  throw new RangeError('expected all, task or queue')
}

const READERS = {
  from: requireMoment,
  to: requireMoment,
  step: requireStep,
  by: requireSubject,
  task: requireWords,
  queue: requireWords,
  owner: requireWord,
  points: requireFlag,
}

/** `GET /stats`: how many jobs came, ran and failed in each step of time, and how long they waited and ran. */
export function stats(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, READERS)
    if (query.kind === 'refused') return query.problem
    const { by = 'task', task, queue, owner, points: hasPoints = true, ...range } = query.values
    const problem = by === 'task' ? undefined : roleProblem(c, 'viewer', `stats by ${by}`)
    if (problem) return problem
    const time = rangeOf(range, scope.app.config.clock.now())
    if (isProblem(time)) return time
    const other =
      by === 'task' ? queue && 'queue' : by === 'queue' ? task && 'task' : ((task && 'task') ?? (queue && 'queue'))
    if (other) return wrongParameter(other, `expected none with by=${by}`)
    const seen = seenOf(c, scope, { owner, tasks: task })
    if (isProblem(seen)) return seen
    const names = by === 'queue' ? queue : seen.tasks
    const found = await recording.stats({ ...time, by, names, owner: seen.owner })
    const document: StatsDocument = {
      from: isoOf(time.from),
      to: isoOf(time.to),
      step: found.step,
      series: found.series.map(({ name, total, points }) => ({
        name,
        total,
        points: hasPoints ? points.map(pointDocument) : [],
      })),
      gaps: found.gaps.map(gapDocument),
    }
    return respondDocument(document)
  })
}

interface Range {
  readonly from?: number
  readonly to?: number
  readonly step?: StatsStep
}

/** Default: the last hour, in the shortest steps of which the points are not too many. */
function rangeOf({ to: given, from: since, step: wanted }: Range, now: number) {
  const to = given ?? now
  const from = since ?? to - DEFAULT_RANGE_MS
  if (from >= to) return wrongParameter('from', 'expected a moment before `to`')
  const fits = (step: StatsStep): boolean => (to - from) / STEPS[step] <= MAX_POINTS
  const step = wanted ?? (Object.keys(STEPS) as StatsStep[]).find(fits)
  if (step === undefined || !fits(step))
    return wrongParameter('from', `expected at most ${MAX_POINTS} steps of ${step ?? '1h'} before \`to\``)
  return { from, to, step }
}

/** One step, as it is shown. */
export function pointDocument({ at, ...point }: StatsPoint): StatsPointDocument {
  return { at: isoOf(at), ...point } as StatsPointDocument
}

function gapDocument({ from, to, ...gap }: Gap): GapDocument {
  return { from: isoOf(from), to: isoOf(to), ...gap } as GapDocument
}
