import { randomBytes } from 'node:crypto'
import { ConfigError } from '../../std/errors.ts'
import type { Granted } from '../access/auth.ts'
import { ADMIN_SCOPE } from '../access/identity.ts'
import { ROLES } from '../access/roles.ts'

/** Bytes of a token that is made here. */
const TOKEN_BYTES = 32
const MAX_TOKENS = 1000
/** Who may see a fleet may scrape it. */
const METRICS_SCOPE = 'metrics'

/** A new token: 43 letters, digits, - and _. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

/** The identity behind the token that a dashboard makes at its start. */
export const OWN_IDENTITY: Granted = { id: 'dashboard', scopes: [ADMIN_SCOPE] }

/**
 * The tokens of a file: a line for each, with the token, the id of who has it, and the role, with spaces between them;
 * `#` begins a comment. Throws ConfigError, which shows no token.
 */
export function parseTokens(text: string, where: string): Readonly<Record<string, Granted>> {
  const tokens = new Map<string, Granted>()
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const words = line.replace(/(?:^|\s)#.*$/, '').trim()
    if (words === '') continue
    const [token = '', id = '', role = '', ...rest] = words.split(/\s+/)
    const place = `${where}: line ${at + 1}`
    if (id === '' || role === '' || rest.length > 0)
      throw new ConfigError(`${place}: expected a token, an id and a role with spaces between them`)
    if (!/^[\w.~+/-]{16,}=*$/.test(token))
      throw new ConfigError(`${place}: expected a token of at least 16 letters, digits and -._~+/`)
    if (!/^\P{Cc}{1,255}$/u.test(id)) throw new ConfigError(`${place}: expected an id of at most 255 characters`)
    if (!ROLES.some((one) => one === role))
      throw new ConfigError(`${place}: expected one of the roles ${ROLES.join(', ')}`)
    if (tokens.has(token)) throw new ConfigError(`${place}: the token is that of a line before`)
    tokens.set(token, { id, scopes: [role, METRICS_SCOPE] })
  }
  if (tokens.size === 0) throw new ConfigError(`${where}: expected lines with a token, an id and a role, got none`)
  if (tokens.size > MAX_TOKENS) throw new ConfigError(`${where}: expected at most ${MAX_TOKENS} tokens`)
  return Object.fromEntries(tokens)
}
