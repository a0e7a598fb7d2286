import { isIP } from 'node:net'
import type { WebhookConfig } from '../config/webhookOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { isPublicAddress } from '../std/publicAddress.ts'
import { redactUrl } from '../std/url.ts'
import { shown } from '../std/validate.ts'

const MAX_URL_LENGTH = 2048

/**
 * The URL of a webhook, checked as far as possible without a query to DNS. Throws ArgumentError unless it is `https:`
 * to a host that is not plainly private; hosts on the allow-list may use `http:` and be private.
 */
export function webhookUrl(text: unknown, config: WebhookConfig): URL {
  const url = typeof text === 'string' && text.length <= MAX_URL_LENGTH ? URL.parse(text) : null
  if (!url)
    throw new ArgumentError(`webhook: expected a URL of at most ${MAX_URL_LENGTH} characters, got ${shownUrl(text)}`)
  const { protocol, hostname, username, password, hash } = url
  const wrong = (expected: string): ArgumentError =>
    new ArgumentError(`webhook: expected ${expected}, got ${shownUrl(text)}`)
  if (protocol !== 'https:' && protocol !== 'http:') throw wrong('an https: URL')
  if (username !== '' || password !== '') throw wrong('a URL without a user')
  if (hash !== '') throw wrong('a URL without a fragment')
  if (config.allows(url)) return url
  if (protocol !== 'https:') throw wrong('https:, as the host is not on the allow-list')
  const address = hostAddress(hostname)
  if (isIP(address) ? !isPublicAddress(address) : /^(?:.*\.)?localhost\.?$/.test(hostname))
    throw wrong('a public host, or one on the allow-list')
  return url
}

/** A URL may contain a password or a token. */
function shownUrl(url: unknown): string {
  return typeof url === 'string' ? shown(redactUrl(url)) : shown(url)
}

/** A URL's hostname as an address, without the brackets of IPv6. */
export function hostAddress(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

/** Header of our own: the URL to which the end of a job is sent. */
export const WEBHOOK_HEADER = 'celeriac_webhook'
/** The task that sends it. */
export const WEBHOOK_TASK = 'celeriac.webhook'

/**
 * The header of a call with the option `webhook`. Throws ArgumentError for a URL that is not allowed, or an app without
 * webhooks.
 */
export function webhookHeader(url: unknown, config: WebhookConfig | undefined, task: string): Record<string, unknown> {
  if (!config)
    throw new ArgumentError(`task ${task}: webhook: expected an app with the option webhooks (its secret), got none`)
  const { href } = webhookUrl(url, config)
  return { [WEBHOOK_HEADER]: { url: href, source: config.source, ...(config.queue ? { queue: config.queue } : {}) } }
}
