import type { App } from '../../app/app.ts'
import { deadLetterQueue, queuesOf } from '../../app/knownQueues.ts'
import { Control } from '../../control/control.ts'
import { NotSupportedError } from '../../std/errors.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { type Finding, type Fleet, findingsOf, INSTALLATION_CHECKS, JOB_CHECKS } from '../doctor/checks.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'

export interface DoctorCommandOptions extends AppOptions {
  json?: boolean
}

/** How long workers have to reply, ms. */
const REPLY_TIMEOUT_MS = 1000

/** `celeriac doctor`: why a job does not run, or what is wrong here. The exit code is 1 where it finds something. */
export async function doctor(id: string | undefined, options: DoctorCommandOptions): Promise<void> {
  const findings = await withApp(options, (app) => look(app, id))
  const text = findings.map(({ check, text: line }) => `${check}: ${line}`).join('\n')
  process.stdout.write(`${options.json ? jsonText({ findings }) : text || 'nothing found'}\n`)
  if (findings.length > 0) process.exitCode = 1
}

async function look(app: App, id: string | undefined): Promise<Finding[]> {
  try {
    // Before the stores are opened, which would migrate them.
    const versions = await app.migrate({ print: true })
    const outdated = versions.flatMap(({ store, steps }) =>
      steps && steps.length > 0 ? [`${store} lacks ${steps.length} of the steps of this version`] : [],
    )
    if (outdated.length > 0) return [{ check: 'schema', text: `${outdated.join('; ')}: run celeriac migrate` }]
    await app.connect()
    const fleet = await fleetOf(app)
    return id === undefined ? await installation(app, fleet) : await job(app, id, fleet)
  } catch (error) {
    if (!isStoreAway(error)) throw error
    return [{ check: 'store-unavailable', text: `${(error as Error).message}: start it, or check its URL` }]
  }
}

async function job(app: App, id: string, fleet: Fleet): Promise<Finding[]> {
  const info = await app.result(id).info()
  let finds = true
  const message = await app.message(id, info?.queue).catch((error: unknown) => {
    if (!(error instanceof NotSupportedError)) throw error
    finds = false
    return undefined
  })
  return findingsOf(JOB_CHECKS, { id, info, message, finds, fleet, now: app.config.clock.now() })
}

async function installation(app: App, fleet: Fleet): Promise<Finding[]> {
  const waiting = new Map<string, number>()
  const dead = new Map<string, number>()
  for (const queue of queuesOf(app)) {
    waiting.set(queue, await app.queueSize(queue))
    dead.set(deadLetterQueue(queue), await app.queueSize(deadLetterQueue(queue)))
  }
  return findingsOf(INSTALLATION_CHECKS, { fleet, waiting, dead })
}

/** What workers say within the timeout; one that is busy with a task that blocks it may not answer. */
async function fleetOf(app: App): Promise<Fleet> {
  const inspect = new Control(app).inspect({ timeout: REPLY_TIMEOUT_MS })
  const [pongs, queues, tasks] = await Promise.all([inspect.ping(), inspect.activeQueues(), inspect.registered()])
  const named = Object.entries(queues).flatMap(([worker, answer]) =>
    Array.isArray(answer) ? answer.map(({ name }: ActiveQueue) => [name, worker] as const) : [],
  )
  const known = Object.entries(tasks).flatMap(([worker, answer]) =>
    Array.isArray(answer) ? answer.map((text: string) => [text.split(' ', 1)[0] as string, worker] as const) : [],
  )
  return { workers: Object.keys(pongs), queues: grouped(named), tasks: grouped(known) }
}

type ActiveQueue = { readonly name: string }

function grouped(pairs: readonly (readonly [key: string, worker: string])[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const [key, worker] of pairs) groups.set(key, [...(groups.get(key) ?? []), worker])
  return groups
}
