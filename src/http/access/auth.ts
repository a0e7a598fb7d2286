import { createHash, timingSafeEqual } from 'node:crypto'
import { ArgumentError } from '../../std/errors.ts'
import type { Identity } from './identity.ts'

/** What is known of a request beside what it says. */
export interface Caller {
  /** Address of the client, where the server knows it. */
  readonly address: string | undefined
}

/**
 * Says who sends a request: an identity; nothing, which is answered with 401; or an answer of its own, given as it is.
 * Called for every request but `/livez` and `/readyz`. What it throws is a 500.
 */
export interface Authorize {
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may end without a return.
  (request: Request, caller: Caller): Identity | Response | undefined | void | Promise<Identity | Response | undefined>
  /** `WWW-Authenticate` of the 401 to this request. Default: `Bearer`. */
  challenge?(request: Request): string
}

/** The identity behind a token or a user: its id, or more of it. */
export type Granted = string | Identity

/** Who may come in by a secret. */
interface Key {
  readonly digest: Buffer
  readonly identity: Identity
}

/**
 * `authorize` by `Authorization: Bearer <token>` (RFC 6750): each token with its identity. Tokens are compared in
 * constant time. Throws ArgumentError for a token of less than 16 characters, which could be guessed, or one that no
 * header can hold.
 */
export function bearer(tokens: Readonly<Record<string, Granted>>): Authorize {
  const keys = Object.entries(tokens).map(([token, granted]) => {
    if (!/^[\w.~+/-]{16,}=*$/.test(token))
      throw new ArgumentError(
        `bearer: expected tokens of at least 16 letters, digits and -._~+/, got one of ${token.length} characters`,
      )
    return { digest: digestOf(token), identity: identityFrom(granted, 'bearer') }
  })
  const tokenOf = (request: Request): string | undefined =>
    /^Bearer +([\w.~+/-]+=*) *$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  return Object.assign((request: Request) => find(keys, tokenOf(request)), {
    challenge: (request: Request) =>
      tokenOf(request) === undefined ? 'Bearer realm="celeriac"' : 'Bearer realm="celeriac", error="invalid_token"',
  })
}

/** A user's password, and what the user may do. */
export interface BasicUser {
  readonly password: string
  readonly scopes?: readonly string[] | undefined
}

/**
 * `authorize` by `Authorization: Basic` (RFC 7617): passwords by user name, which is the identity's id. Only over TLS,
 * or on this machine. Throws ArgumentError for an empty password, or a name that no header can hold.
 */
export function basic(users: Readonly<Record<string, string | BasicUser>>): Authorize {
  const keys = Object.entries(users).map(([name, user]) => {
    const { password, scopes } = typeof user === 'string' ? { password: user, scopes: [] } : user
    if (typeof password !== 'string' || password === '' || name.includes(':'))
      throw new ArgumentError(`basic: expected users without a colon and with a password, got ${JSON.stringify(name)}`)
    return { digest: digestOf(`${name}:${password}`), identity: identityFrom({ id: name, scopes }, 'basic') }
  })
  const given = (request: Request): string | undefined => {
    const encoded = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8')
  }
  return Object.assign((request: Request) => find(keys, given(request)), {
    challenge: () => 'Basic realm="celeriac", charset="UTF-8"',
  })
}

/** All keys are compared, even after a match: the time that it takes reveals nothing. */
function find(keys: readonly Key[], secret: string | undefined): Identity | undefined {
  if (secret === undefined) return undefined
  const digest = digestOf(secret)
  let found: Identity | undefined
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key.identity
  return found
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function identityFrom(granted: Granted, where: string): Identity {
  const identity = typeof granted === 'string' ? { id: granted } : granted
  requireIdentity(identity, where)
  return identity
}

/** Throws ArgumentError unless it is an identity. */
export function requireIdentity(value: unknown, where: string): asserts value is Identity {
  const { id, scopes = [] } = (value ?? {}) as Partial<Identity>
  const isId = typeof id === 'string' && /^\P{Cc}{1,255}$/u.test(id)
  if (isId && Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string' && scope !== '')) return
  throw new ArgumentError(`${where}: expected { id, scopes? } with an id of 1 to 255 printable characters`)
}
