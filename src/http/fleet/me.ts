import type { Context } from 'hono'
import type { App } from '../../app/app.ts'
import { type StoreAbilities, storeAbilities } from '../../app/lifeCycle/storeAbilities.ts'
import { schedulesOf } from '../../beat/schedules.ts'
import type { AbilitiesDocument, MeDocument } from '../../protocol/meDocument.ts'
import { ConfigError, StoreUnavailableError } from '../../std/errors.ts'
import { version } from '../../std/version.ts'
import { identityOf } from '../access/identity.ts'
import { hasRole, ROLES, type Role } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { respondProblem } from '../output/problem.ts'

/** What the stores of an app can do, and whether they keep a schedule. */
interface Abilities extends StoreAbilities {
  readonly schedules: boolean
}

/** `GET /me`: who asks, what it may do here, and what the server is. */
export async function me(c: Context, scope: HttpScope): Promise<Response> {
  const query = readQuery(c.req.url, {})
  if (query.kind === 'refused') return respondProblem(query.problem, c.req.path)
  const { app, readOnly = false } = scope
  const identity = identityOf(c)
  const [stores, recorder] = await Promise.all([abilitiesOf(app), recorderState(scope)])
  const document: MeDocument = {
    ...(identity && { id: identity.id }),
    role: ROLES.findLast((role) => hasRole(c, role)) ?? null,
    open: identity === undefined,
    readOnly,
    name: app.config.name,
    version: version(),
    // As text, a URL has no password.
    broker: `${app.config.broker}`,
    backend: `${app.config.backend}`,
    recorder,
    can: canOf(c, scope, stores, recorder !== 'off'),
  }
  return respondDocument(document)
}

function canOf(c: Context, scope: HttpScope, stores: Abilities, isRecorded: boolean): AbilitiesDocument {
  const { readOnly = false, exposed, fleet } = scope
  const changes = (role: Role): boolean => !readOnly && hasRole(c, role)
  const see = hasRole(c, 'viewer')
  /** Of its own jobs, which need no role; a viewer changes nothing. */
  const own = !readOnly && (!see || hasRole(c, 'operator'))
  const [operates, administers] = [changes('operator'), changes('admin')]
  return {
    see,
    record: isRecorded,
    list: stores.lists,
    pause: operates && stores.pauses,
    peek: hasRole(c, 'operator') && stores.peeks,
    content: hasRole(c, 'admin') && stores.peeks,
    purge: administers,
    retry: own,
    retryEdited: administers,
    revoke: own,
    reschedule: own,
    change: administers,
    forget: administers,
    dead: stores.keepsDead,
    redrive: own && stores.keepsDead,
    editDead: administers && stores.keepsDead,
    schedules: see && stores.schedules,
    runSchedule: operates && stores.schedules,
    schedule: administers && stores.schedules,
    control: operates,
    shutdown: administers,
    call: own && exposed.size > 0,
    callAny: administers && fleet?.anyTask === true,
    audit: hasRole(c, 'admin') && isRecorded,
  }
}

/** Which buttons can do something. While a store does not answer it is not known: then all of them. */
async function abilitiesOf(app: App): Promise<Abilities> {
  try {
    return { ...(await storeAbilities(app)), schedules: await keepsSchedules(app) }
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    return { lists: true, peeks: true, pauses: true, schedules: true, keepsDead: true }
  }
}

async function keepsSchedules(app: App): Promise<boolean> {
  try {
    await schedulesOf(app).store()
    return true
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}

async function recorderState({ recording }: HttpScope): Promise<MeDocument['recorder']> {
  try {
    const known = await recording?.()
    if (!known) return 'off'
    return (await known.status()).isRecording ? 'recording' : 'stopped'
  } catch (error) {
    if (error instanceof StoreUnavailableError || error instanceof ConfigError) return 'unavailable'
    throw error
  }
}
