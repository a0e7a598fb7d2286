import type { App } from '../app/app.ts'
import { queuesOf } from '../app/knownQueues.ts'
import type { StoreFacts } from '../app/storeInfo.ts'
import { NotSupportedError } from '../std/errors.ts'
import { isStoreAway } from '../std/thrown.ts'
import { version } from '../std/version.ts'
import { type Finding, findingsOf, INSTALLATION_CHECKS, JOB_CHECKS, type JobEvidence } from './checks.ts'
import { type Fleet, fleetOf } from './fleet.ts'
import { limitsOfJob, limitsOfStore } from './limits.ts'
import { type ReadClock, skewOf } from './skew.ts'
import { STORE_CHECKS } from './stores.ts'
import { SURROUNDING_CHECKS, type Surroundings } from './surroundings.ts'

/** A store that is there, and refuses what is written: errors of Redis, RabbitMQ, PostgreSQL and SQLite. */
const FULL = /used memory > 'maxmemory'|MISCONF|takes no messages now|disk is full|No space left on device/

/** What is known of a store. `skew`: how far its clock is ahead of ours at least, ms, where it may not be right. */
export interface DiagnosedStore extends StoreFacts {
  readonly skew?: number | undefined
}

/** One of our workers that answers. */
export interface DiagnosedWorker {
  readonly name: string
  readonly version: string
  readonly isReady: boolean
  readonly isQuiet: boolean
  /** As of a store. */
  readonly skew?: number | undefined
}

/** What was found, and what it was found in: as far as the stores answer. */
export interface Diagnosis {
  readonly findings: readonly Finding[]
  readonly stores: readonly DiagnosedStore[]
  readonly workers: readonly DiagnosedWorker[]
}

/** Looks at one job, or at the installation. Changes nothing. Rejects with ConfigError. */
export async function diagnose(app: App, id?: string): Promise<Diagnosis> {
  let stores: Surroundings['stores'] = []
  try {
    const outdated = await schemaFinding(app)
    if (outdated) return { findings: [outdated], stores: [], workers: [] }
    await app.connect()
    stores = await storesOf(app)
    // Before workers are asked: any consumer, also one for answers, may rescue a message whose lease has ended.
    const evidence = id === undefined ? undefined : await evidenceOf(app, id)
    const fleet = await fleetOf(app)
    const around = findingsOf(SURROUNDING_CHECKS, { fleet, stores, version: version() })
    // The broker is the first of the stores.
    const now = stores[0]?.now ?? app.config.clock.now()
    const own = evidence
      ? findingsOf(JOB_CHECKS, { ...evidence, fleet, now })
      : await installationFindings(app, fleet, now)
    return { findings: [...own, ...around], stores: stores.map(diagnosedStore), workers: workersOf(fleet) }
  } catch (error) {
    if (!isStoreAway(error)) throw error
    const found = unavailable((error as Error).message)
    const others = findingsOf(STORE_CHECKS, { stores }).filter(({ check }) => check !== found.check)
    return { findings: [...others, found], stores: stores.map(diagnosedStore), workers: [] }
  }
}

function unavailable(message: string): Finding {
  return FULL.test(message)
    ? { check: 'store-full', text: `${message}: make room, or allow it more` }
    : { check: 'store-unavailable', text: `${message}: start it, or check its URL` }
}

/** Before the stores are opened, which would migrate them. */
async function schemaFinding(app: App): Promise<Finding | undefined> {
  const lacks = (await app.migrate({ print: true })).flatMap(({ store, steps }) =>
    steps && steps.length > 0 ? [`${store} lacks ${steps.length} of the steps of this version`] : [],
  )
  return lacks.length === 0 ? undefined : { check: 'schema', text: `${lacks.join('; ')}: run celeriac migrate` }
}

async function storesOf(app: App): Promise<Surroundings['stores']> {
  const { clock } = app.config
  const from = clock.now()
  const facts = await app.storeFacts()
  const until = clock.now()
  return facts.map((fact) => ({ ...fact, from, until }))
}

function diagnosedStore({ from, until, ...facts }: Surroundings['stores'][number]): DiagnosedStore {
  return { ...facts, skew: facts.now === undefined ? undefined : skewOf({ time: facts.now, from, until }) }
}

function workersOf({ about }: Fleet): DiagnosedWorker[] {
  return [...about].map(([name, worker]) => ({
    name,
    version: worker.version,
    isReady: worker.ready,
    isQuiet: worker.quiet,
    skew: skewOf(worker satisfies ReadClock),
  }))
}

async function evidenceOf(app: App, id: string): Promise<Omit<JobEvidence, 'fleet' | 'now'>> {
  const info = await app.result(id).info()
  let finds = true
  const message = await app.message(id, info?.queue).catch((error: unknown) => {
    if (!(error instanceof NotSupportedError)) throw error
    finds = false
    return undefined
  })
  return { id, info, message, finds, limits: await limitsOfJob(app, { task: info?.task, message }) }
}

async function installationFindings(app: App, fleet: Fleet, now: number): Promise<Finding[]> {
  const waiting = new Map<string, number>()
  for (const queue of queuesOf(app)) waiting.set(queue, await app.queueSize(queue))
  const dead = new Map(Object.entries(await app.deadLetters.count()))
  const bounds = await app.bounds(queuesOf(app))
  return findingsOf(INSTALLATION_CHECKS, { fleet, waiting, dead, bounds, limits: await limitsOfStore(app), now })
}
