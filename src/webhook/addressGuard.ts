import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { WebhookConfig } from '../config/webhookOptions.ts'
import { withDeadline } from '../std/deadline.ts'
import { ArgumentError, Fatal } from '../std/errors.ts'
import { isPublicAddress } from '../std/publicAddress.ts'
import { hostAddress, webhookUrl } from './url.ts'

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/** Where a delivery goes: the URL, and the one address that was checked and is connected to. */
export interface Target {
  readonly url: URL
  readonly address: string
}

/** The system's own resolver, so that `/etc/hosts` counts. */
export async function resolveBySystem(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}

/**
 * Check a URL and pin it to one address: DNS is queried once, here, so that an answer that changes afterwards
 * (rebinding) has no effect. A name with any private address is refused as a whole. Throws Fatal for a URL that may
 * never be notified, and what `resolve` throws.
 */
export async function pinUrl(text: string, config: WebhookConfig, resolve: Resolve): Promise<Target> {
  const url = judged(text, config)
  const literal = hostAddress(url.hostname)
  const addresses = isIP(literal) ? [literal] : await resolved(literal, resolve, config.timeout)
  const [address] = addresses
  if (address === undefined) throw new Error(`webhook: ${literal} has no address`)
  const refused = config.allows(url) ? undefined : addresses.find((one) => !isPublicAddress(one))
  if (refused !== undefined)
    throw new Fatal(
      `webhook: expected a public address, got ${refused} for ${literal}; the option allow names exceptions`,
    )
  return { url, address }
}

/**
 * The addresses of a host name; the system's resolver cannot be cancelled, but the delivery waits for a limited time.
 */
function resolved(name: string, resolve: Resolve, timeout: number): Promise<readonly string[]> {
  return withDeadline(resolve(name), timeout, () => {
    throw new Error(`webhook: no address of ${name} within ${timeout} ms`)
  })
}

function judged(text: string, config: WebhookConfig): URL {
  try {
    return webhookUrl(text, config)
  } catch (error) {
    if (error instanceof ArgumentError) throw new Fatal(error.message, { cause: error })
    throw error
  }
}
