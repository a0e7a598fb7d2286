import type { AbilitiesDocument, MeDocument } from '../../protocol/meDocument.ts'
import { authorizedFetch, client } from '../api/client.ts'
import { place } from '../api/place.ts'
import { type Signal, signal } from '../api/signal.ts'
import { keepToken } from '../api/token.ts'

/** Who uses the pages, and what the server lets them do; undefined until it has answered. */
export const me: Signal<MeDocument | undefined> = signal(undefined)
/** Why it has not. */
export const problem: Signal<Error | undefined> = signal(undefined)

/** Ask the server who this is. */
export async function openSession(): Promise<void> {
  try {
    me.value = await client.me()
    problem.value = undefined
  } catch (error) {
    problem.value = error as Error
  }
}

/**
 * Log in with a token: by a cookie where the server gives one, as `celeriac dashboard` does, else with each request.
 * Rejects with an Error where the token is refused.
 */
export async function logIn(value: string): Promise<void> {
  if (!/^[!-~]+$/.test(value)) throw new Error('Expected a token of Latin letters, digits and signs, without spaces.')
  const headers = { authorization: `Bearer ${value}` }
  const login = await fetch(`${place.url}/login`, { method: 'POST', headers })
  if (login.status === 401) throw new Error('The server refuses this token.')
  keepToken(login.ok ? undefined : value)
  await openSession()
  if (me.value === undefined) throw new Error('The server refuses this token.')
}

/** Forget who this is. */
export async function logOut(): Promise<void> {
  await authorizedFetch(`${place.url}/logout`, { method: 'POST' })
  keepToken(undefined)
  me.value = undefined
  await openSession()
}

/** The role that each ability needs, where the stores have it. */
const NEEDS: Readonly<Record<keyof AbilitiesDocument, 'viewer' | 'operator' | 'admin'>> = {
  see: 'viewer',
  record: 'viewer',
  list: 'viewer',
  pause: 'operator',
  peek: 'operator',
  content: 'admin',
  purge: 'admin',
  retry: 'operator',
  retryEdited: 'admin',
  revoke: 'operator',
  reschedule: 'operator',
  change: 'admin',
  forget: 'admin',
  dead: 'viewer',
  redrive: 'operator',
  editDead: 'admin',
  schedules: 'viewer',
  runSchedule: 'operator',
  schedule: 'admin',
  control: 'operator',
  shutdown: 'admin',
  call: 'operator',
  callAny: 'admin',
  audit: 'admin',
}
const ROLES = ['viewer', 'operator', 'admin']

/** True where the user may do it, and the stores can; false as long as the server has not answered. */
export function can(ability: keyof AbilitiesDocument): boolean {
  return me.value?.can[ability] === true
}

/** Why not, for the title of a button; undefined where they can. */
export function whyNot(ability: keyof AbilitiesDocument): string | undefined {
  const session = me.value
  if (!session || session.can[ability]) return undefined
  if (ability === 'record') return 'This app has no recorder: new Celeriac({ recorder: true }) has one'
  const role = NEEDS[ability]
  if (session.readOnly && role !== 'viewer') return 'This dashboard is read-only'
  if (ROLES.indexOf(session.role ?? '') < ROLES.indexOf(role)) return `This needs the role ${role}`
  return 'The stores of this app cannot do this'
}
