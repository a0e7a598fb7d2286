import { ArgumentError } from '../../std/errors.ts'
import { respondProblem } from '../output/problem.ts'

const LOOPBACK_HOST = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/**
 * The answer to a request under a name that is not the server's; undefined for one that is, and for one without a name
 * (HTTP/1.0). Of `target`, the query is not in the answer: it may have a token.
 */
export type HostGuard = (host: string | undefined, target: string) => Response | undefined

/** An address that only this machine reaches: `127.0.0.1`, `::1`, `localhost`. */
export function isLoopback(address: string): boolean {
  return LOOPBACK_HOST.test(address) || address === '::1'
}

/**
 * Refuses requests under another name than the server's own (421). A page whose name was turned to this machine (DNS
 * rebinding) is of the server's own origin to the browser, and only `Host` still says where it came from. Undefined
 * where every name is taken: at an address that others reach, unless `hosts` says which. At a loopback address the
 * names of this machine are taken, and those in `hosts`. A request that names no host is taken: browsers always name
 * one, and a health check in HTTP/1.0 does not. Throws ArgumentError for what is no host name.
 */
export function hostGuard(address: string, hosts: readonly string[] | undefined): HostGuard | undefined {
  for (const host of hosts ?? []) {
    if (typeof host !== 'string' || !/^(?:[\w.-]+|\[[\da-f:]+\])$/i.test(host))
      throw new ArgumentError(
        `serve: hosts: expected names without scheme and port, as 'app.example.com', got ${JSON.stringify(host)}`,
      )
  }
  const isLocal = isLoopback(address)
  if (hosts === undefined && !isLocal) return undefined
  const known = new Set(hosts?.map((host) => host.toLowerCase()))
  // Most requests come under one name.
  let latest: string | undefined
  return (host, target) => {
    if (host === undefined || host === latest) return undefined
    const name = host.replace(/:\d*$/, '').toLowerCase()
    if (known.has(name) || (isLocal && LOOPBACK_HOST.test(name))) {
      latest = host
      return undefined
    }
    const detail = `expected a Host that this server knows, got ${JSON.stringify(host)}; others are listed in \`hosts\``
    return respondProblem({ kind: 'misdirected-request', detail }, target.split('?', 1)[0])
  }
}
