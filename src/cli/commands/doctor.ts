import type { App } from '../../app/app.ts'
import { queuesOf } from '../../app/knownQueues.ts'
import { NotSupportedError } from '../../std/errors.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { version } from '../../std/version.ts'
import { type Finding, findingsOf, INSTALLATION_CHECKS, JOB_CHECKS, type JobEvidence } from '../doctor/checks.ts'
import { type Fleet, fleetOf } from '../doctor/fleet.ts'
import { limitsOfJob, limitsOfStore } from '../doctor/limits.ts'
import { STORE_CHECKS } from '../doctor/stores.ts'
import { SURROUNDING_CHECKS, type Surroundings } from '../doctor/surroundings.ts'
import { printable } from '../fleet/printable.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

/** A store that is there, and refuses what is written: errors of Redis, RabbitMQ, PostgreSQL and SQLite. */
const FULL = /used memory > 'maxmemory'|MISCONF|takes no messages now|disk is full|No space left on device/

export interface DoctorCommandOptions extends AppOptions {
  json?: boolean
}

/** `celeriac doctor`: why a job does not run, or what is wrong here. The exit code is 1 where it finds something. */
export async function doctor(id: string | undefined, options: DoctorCommandOptions): Promise<void> {
  const findings = await withApp(options, (app) => look(app, id))
  const text = findings.map(({ check, text: line }) => `${check}: ${printable(line)}`).join('\n')
  process.stdout.write(`${options.json ? jsonText({ findings }) : text || 'nothing found'}\n`)
  if (!options.json) process.stderr.write(optionsHint(text, options))
  if (findings.length > 0) process.exitCode = 1
}

/** Commands that a finding names go to the same stores. Not with values: a URL may have a password. */
function optionsHint(text: string, { app, broker, resultBackend }: AppOptions): string {
  const given = Object.entries({ '-A': app, '-b': broker, '--result-backend': resultBackend }).filter(
    ([, value]) => value !== undefined,
  )
  return given.length === 0 || !text.includes(': celeriac ')
    ? ''
    : `give these commands ${given.map(([name]) => name).join(' and ')}, too\n`
}

/** What is found: of one job, or of the installation. */
export async function look(app: App, id?: string): Promise<Finding[]> {
  let ofStores: Finding[] = []
  try {
    const outdated = await schemaFinding(app)
    if (outdated) return [outdated]
    await app.connect()
    const stores = await storesOf(app)
    ofStores = findingsOf(STORE_CHECKS, { stores })
    // Before workers are asked: any consumer, also one for answers, may rescue a message whose lease has ended.
    const evidence = id === undefined ? undefined : await evidenceOf(app, id)
    const fleet = await fleetOf(app)
    const around = findingsOf(SURROUNDING_CHECKS, { fleet, stores, version: version() })
    // The broker is the first of the stores.
    const now = stores[0]?.now ?? app.config.clock.now()
    if (!evidence) return [...(await installation(app, fleet, now)), ...around]
    return [...findingsOf(JOB_CHECKS, { ...evidence, fleet, now }), ...around]
  } catch (error) {
    if (!isStoreAway(error)) throw error
    const found = unavailable((error as Error).message)
    return [...ofStores.filter(({ check }) => check !== found.check), found]
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

async function installation(app: App, fleet: Fleet, now: number): Promise<Finding[]> {
  const waiting = new Map<string, number>()
  for (const queue of queuesOf(app)) waiting.set(queue, await app.queueSize(queue))
  const dead = new Map(Object.entries(await app.deadLetters.count()))
  const bounds = await app.bounds(queuesOf(app))
  return findingsOf(INSTALLATION_CHECKS, { fleet, waiting, dead, bounds, limits: await limitsOfStore(app), now })
}
