import type { Context } from 'hono'
import type { App } from '../../app/app.ts'
import type { Finding } from '../../doctor/checks.ts'
import { type Diagnosis, diagnose } from '../../doctor/diagnosis.ts'
import type { DoctorDocument, DoctorStoreDocument, JobDiagnosisDocument } from '../../protocol/doctorDocument.ts'
import { withDeadline } from '../../std/deadline.ts'
import { ConfigError } from '../../std/errors.ts'
import { version } from '../../std/version.ts'
import { roleProblem } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireWord } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

/** The answer comes within this time; workers have a second of it, ms. */
const MAX_TIME_MS = 10_000
/** So many examinations run at once: each asks all workers. */
const MAX_RUNNING = 4

const UNFINISHED: Diagnosis = {
  findings: [
    {
      check: 'timeout',
      text: `not all could be examined within ${MAX_TIME_MS / 1000} s: a store answers slowly, or not at all`,
    },
  ],
  stores: [],
  workers: [],
}

/** `GET /doctor`: what is wrong with the installation. */
export async function examine(c: Context, scope: HttpScope): Promise<Response> {
  const barred = barrier(c)
  if (barred) return respondProblem(barred, c.req.path)
  const diagnosis = await examined(scope.app, undefined)
  if (!diagnosis) return respondProblem(BUSY, c.req.path)
  const { findings, stores, workers } = diagnosis
  const document: DoctorDocument = {
    at: new Date(scope.app.config.clock.now()).toISOString(),
    version: version(),
    findings: findings.map(findingDocument),
    stores: stores.map(storeDocument),
    workers: workers.map(({ name, version: own, isReady, isQuiet, skew }) => ({
      ...{ name, version: own, ready: isReady, quiet: isQuiet },
      ...(skew !== undefined && { clockSkew: Math.round(skew) }),
    })),
  }
  return respondDocument(document)
}

/** `GET /doctor/jobs/{id}`: why a job does not run. */
export async function examineJob(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const barred = barrier(c)
  if (barred) return respondProblem(barred, path)
  const id = c.req.param('id') ?? ''
  if (!isId(id)) return respondProblem({ kind: 'unknown-job', detail: 'an id has 1 to 255 printable characters' }, path)
  const diagnosis = await examined(scope.app, id)
  if (!diagnosis) return respondProblem(BUSY, path)
  const at = new Date(scope.app.config.clock.now()).toISOString()
  const document: JobDiagnosisDocument = { id, at, findings: diagnosis.findings.map(findingDocument) }
  return respondDocument(document)
}

function barrier(c: Context): Problem | undefined {
  const query = readQuery(c.req.url, {})
  return roleProblem(c, 'viewer', 'to see what is wrong') ?? (query.kind === 'refused' ? query.problem : undefined)
}

const BUSY: Problem = {
  kind: 'overloaded',
  detail: `${MAX_RUNNING} examinations run already`,
  headers: { 'retry-after': '1' },
}

/** Of each app: what is examined now, by the job's id; requests for the same share one examination. */
const running = new WeakMap<App, Map<string | undefined, Promise<Diagnosis>>>()

/** Undefined where too many are examined already. */
async function examined(app: App, id: string | undefined): Promise<Diagnosis | undefined> {
  const all = running.get(app) ?? new Map<string | undefined, Promise<Diagnosis>>()
  running.set(app, all)
  let examination = all.get(id)
  if (!examination) {
    if (all.size >= MAX_RUNNING) return undefined
    examination = readable(diagnose(app, id)).finally(() => all.delete(id))
    all.set(id, examination)
  }
  return withDeadline(examination, MAX_TIME_MS, () => UNFINISHED)
}

/** A store that a later version has migrated is a finding, too: the server runs on. */
async function readable(diagnosis: Promise<Diagnosis>): Promise<Diagnosis> {
  try {
    return await diagnosis
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { findings: [{ check: 'config', text: error.message }], stores: [], workers: [] }
  }
}

function findingDocument({ check, text }: Finding): Finding {
  return { check, text }
}

function storeDocument({
  store,
  skew,
  free,
  size,
  memory,
  connections,
}: Diagnosis['stores'][number]): DoctorStoreDocument {
  return {
    url: store,
    ...(skew !== undefined && { clockSkew: Math.round(skew) }),
    ...(free !== undefined && { free }),
    ...(size !== undefined && { size }),
    ...(memory && { memory }),
    ...(connections && { connections: { used: connections.used, limit: connections.limit } }),
  }
}

function isId(text: string): boolean {
  try {
    return requireWord(text) === text
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
