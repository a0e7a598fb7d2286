import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../std/clock.ts'
import type { Identity } from '../access/identity.ts'

const COOKIE = 'celeriac_session'
/** The end of `Host`, where the server has a port of its own. */
const PORT = /:(\d{1,5})$/
const ID_BYTES = 32
/** A session ends so long after its login, ms. */
const LIFETIME_MS = 12 * 3_600_000
/** The oldest one ends where there are more. */
const MAX_SESSIONS = 1000

interface Session {
  readonly identity: Identity
  /** ms since the epoch */
  readonly ends: number
}

/** Browsers that have shown a token, and need not keep it: in the memory of this process. */
export class Sessions {
  readonly #clock: Clock
  /** By a hash of the id: what is compared is no secret. The oldest first. */
  readonly #sessions = new Map<string, Session>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A new session: the value of `Set-Cookie`. `isSecure`: the browser came over TLS. */
  open(request: Request, identity: Identity, isSecure: boolean): string {
    const id = randomBytes(ID_BYTES).toString('base64url')
    this.#sessions.set(hashOf(id), { identity, ends: this.#clock.now() + LIFETIME_MS })
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= MAX_SESSIONS) break
      this.#sessions.delete(oldest)
    }
    return cookie(`${nameFor(request)}=${id}`, LIFETIME_MS / 1000, isSecure)
  }

  /** Who has logged in by the browser that sends this; undefined where no session of it is open. */
  identityOf(request: Request): Identity | undefined {
    const id = idIn(request)
    const key = id === undefined ? undefined : hashOf(id)
    const session = key === undefined ? undefined : this.#sessions.get(key)
    if (key === undefined || !session) return undefined
    if (session.ends > this.#clock.now()) return session.identity
    this.#sessions.delete(key)
    return undefined
  }

  /** The end of a session, where there is one: the value of `Set-Cookie`. */
  close(request: Request, isSecure: boolean): string {
    const id = idIn(request)
    if (id !== undefined) this.#sessions.delete(hashOf(id))
    return cookie(`${nameFor(request)}=`, 0, isSecure)
  }
}

/** Browsers send a cookie to all ports of a host: by its name, several dashboards there have a session each. */
function nameFor(request: Request): string {
  const port = PORT.exec(request.headers.get('host') ?? '')?.[1]
  return port === undefined ? COOKIE : `${COOKIE}_${port}`
}

function cookie(pair: string, seconds: number, isSecure: boolean): string {
  const parts = [pair, 'Path=/', 'HttpOnly', 'SameSite=Strict', `Max-Age=${seconds}`]
  return (isSecure ? [...parts, 'Secure'] : parts).join('; ')
}

function idIn(request: Request): string | undefined {
  const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim())
  const start = `${nameFor(request)}=`
  const own = pairs.find((pair) => pair.startsWith(start))?.slice(start.length)
  return own !== undefined && /^[\w-]{43}$/.test(own) ? own : undefined
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}
