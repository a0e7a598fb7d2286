import { ConfigError } from '../../../std/errors.ts'
import { codeOf } from '../../../std/thrown.ts'
import type { AmqpAddress } from '../url.ts'
import { askWhy, type Refusal } from './handshakeProbe.ts'

const ACCESS_REFUSED = 403
const NOT_ALLOWED = 530

const LOGIN_REFUSED = /^Handshake terminated by server: (\d+) .* with message "(.*)"$/s
/** The client library does not pass on the server's reason. */
const VHOST_REFUSED = /Expected ConnectionOpenOk; got <ConnectionClose/

/** Node's codes for a certificate of an authority that is not trusted, and for one of other hosts. */
const UNTRUSTED_CODES: ReadonlySet<string | undefined> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
const WRONG_HOST_CODE = 'ERR_TLS_CERT_ALTNAME_INVALID'

/**
 * Why a connection could not be opened, with what corrects it. ConfigError where the server refuses this user (403) or
 * this virtual host (530). Any other refusal is temporary: a virtual host that is not up yet (541), a limit of
 * connections that is reached.
 */
export async function openingError(error: Error, address: AmqpAddress, timeout: number): Promise<Error> {
  const hint = certificateHint(error, address)
  if (hint) return Object.assign(new Error(`${error.message}: ${hint}`, { cause: error }), { code: codeOf(error) })
  const refusal = await readRefusal(error, address, timeout)
  if (!refusal) return error
  const { code, text } = refusal
  const lasting = (code === ACCESS_REFUSED || code === NOT_ALLOWED) && !/\blimit\b/.test(text)
  if (!lasting) return new Error(`the server refuses new connections: ${code} ${text}`, { cause: error })
  const { label, username, vhost } = address
  const expected =
    code === ACCESS_REFUSED
      ? 'expected a user and a password that RabbitMQ knows (rabbitmqctl authenticate_user)'
      : 'expected a virtual host that is there and open to this user (rabbitmqctl add_vhost, set_permissions)'
  const got = `user ${JSON.stringify(username)} at virtual host ${JSON.stringify(vhost)}`
  return new ConfigError(`${label}: ${expected}, got ${got}; the server says: ${code} ${text}`, { cause: error })
}

/** True for an error that waiting does not correct, with a server that has never accepted us. */
export function isLasting(error: unknown): boolean {
  return error instanceof ConfigError || UNTRUSTED_CODES.has(codeOf(error)) || codeOf(error) === WRONG_HOST_CODE
}

function certificateHint(error: Error, { hostname }: AmqpAddress): string | undefined {
  const otherwise = 'ssl_cert_reqs=none accepts any certificate'
  if (UNTRUSTED_CODES.has(codeOf(error)))
    return `expected a certificate of an authority that is known here; give its own by ?ssl_ca_certs=<PEM file> (${otherwise})`
  if (codeOf(error) === WRONG_HOST_CODE)
    return `expected a certificate for ${hostname}; connect by a name that it has (${otherwise})`
  return undefined
}

async function readRefusal(error: Error, address: AmqpAddress, timeout: number): Promise<Refusal | undefined> {
  const [, code, text = ''] = LOGIN_REFUSED.exec(error.message) ?? []
  if (code !== undefined) return { code: Number(code), text }
  if (!VHOST_REFUSED.test(error.message)) return undefined
  return askWhy(address, timeout)
}
