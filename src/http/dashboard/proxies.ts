import { isIP } from 'node:net'
import { ArgumentError } from '../../std/errors.ts'

/** What is known of the client behind proxies. */
export interface Client {
  /** Its address, where it is known. */
  readonly address: string | undefined
  /** It speaks TLS, as far as a proxy that is trusted says so. */
  readonly isSecure: boolean
}

/** Longest `X-Forwarded-For` that is read. */
const MAX_HOPS = 20

/** Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are accepted; of all others these headers are ignored. */
export class Proxies {
  readonly #addresses: ReadonlySet<string>

  /** Throws ArgumentError for what is no IP address. */
  constructor(addresses: readonly string[]) {
    for (const address of addresses)
      if (isIP(address) === 0) throw new ArgumentError(`trusted proxies: expected IP addresses, got ${address}`)
    this.#addresses = new Set(addresses.map(plain))
  }

  /** `address`: of the connection. The last hop that is no trusted proxy is the client. */
  clientOf(address: string | undefined, headers: Headers): Client {
    const direct = address === undefined ? undefined : plain(address)
    if (direct === undefined || !this.#addresses.has(direct)) return { address: direct, isSecure: false }
    const hops = (headers.get('x-forwarded-for') ?? '').split(',', MAX_HOPS + 1).map((hop) => plain(hop.trim()))
    const isSecure = /^https$/i.test((headers.get('x-forwarded-proto') ?? '').split(',').at(-1)?.trim() ?? '')
    if (hops.length > MAX_HOPS) return { address: direct, isSecure }
    const client = hops.findLast((hop) => !this.#addresses.has(hop))
    return { address: client !== undefined && isIP(client) !== 0 ? client : direct, isSecure }
  }
}

/** IPv4 as IPv4, also where the socket is one of IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').toLowerCase()
}
