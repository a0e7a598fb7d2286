import { type Duration, MAX_TIMER_MS, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { refuseUnknown, requireText, shown } from '../std/validate.ts'

/**
 * One secret or several, each as Standard Webhooks writes them: `whsec_` and 24 to 64 bytes in base64. The first is the
 * current one.
 */
export type WebhookSecret = string | readonly string[]

/** How an app notifies other servers that a job has ended. Every worker of the app needs the same. */
export interface WebhookOptions {
  /**
   * Signs what is sent; while there are several, each signs, so that receivers can change over. A function gives each
   * URL its own.
   */
  secret: WebhookSecret | ((url: string) => WebhookSecret | Promise<WebhookSecret>)
  /**
   * Hosts that may be private and may be spoken to without TLS: `'localhost'`, `'10.0.0.5'`, `'*.internal'`, with
   * `:port` for one port alone. Default none: `https:` to public addresses.
   */
  allow?: readonly string[] | undefined
  /** `source` of the events, a URI reference. Default `urn:celeriac:<name of the app>`. */
  source?: string | undefined
  /** Queue of the deliveries. Default: the queue of the job that ended, where a worker of ours has just been. */
  queue?: string | undefined
  /** Longest time for one attempt. Default `'15s'`. */
  timeout?: Duration | undefined
  /** Repeats after a failed attempt, from 5 s apart to 24 h. Default 16: about three days. */
  retries?: number | undefined
  /**
   * An endpoint that has failed for so long without a success is disabled when a delivery to it fails for good; one
   * that answers 410 is at once. `false`: none ever is. Default `'5d'`.
   */
  disableAfter?: Duration | false | undefined
  /**
   * How often one delivery goes to a disabled endpoint as a probe; when it is accepted, the endpoint is enabled again.
   * Default `'1h'`.
   */
  probeEvery?: Duration | undefined
}

/** Parsed. */
export interface WebhookConfig {
  readonly secrets: (url: string) => Promise<readonly string[]>
  /** This host and port, as in a URL, may be private and without TLS. */
  readonly allows: (url: URL) => boolean
  readonly source: string
  readonly queue: string | undefined
  /** ms */
  readonly timeout: number
  readonly retries: number
  /** ms; undefined: never. */
  readonly disableAfter: number | undefined
  /** ms */
  readonly probeEvery: number
}

const KNOWN_OPTIONS = new Set([
  'secret',
  'allow',
  'source',
  'queue',
  'timeout',
  'retries',
  'disableAfter',
  'probeEvery',
])
const DEFAULT_RETRIES = 16
/** Longest time that the store keeps, ms. */
const YEAR_MS = 365 * 86_400_000

/** Throws ArgumentError for what cannot be. `name` is the app's. */
export function parseWebhooks(options: WebhookOptions | undefined, name: string): WebhookConfig | undefined {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`webhooks: expected an object of options, got ${shown(options)}`)
  refuseUnknown(options, KNOWN_OPTIONS, 'webhooks')
  const { secret, allow = [], source = `urn:celeriac:${encodeURIComponent(name)}`, queue, retries } = options
  if (typeof secret !== 'function') requireSecrets(secret)
  if (queue !== undefined) requireText(queue, 'webhooks: queue')
  requireText(source, 'webhooks: source')
  const timeout = milliseconds(options.timeout ?? '15s', 'webhooks: timeout')
  if (timeout < 1 || timeout > MAX_TIMER_MS)
    throw new ArgumentError(`webhooks: timeout: expected 1 ms to 24 days, got ${timeout} ms`)
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0))
    throw new ArgumentError(`webhooks: retries: expected a whole number >= 0, got ${shown(retries)}`)
  return {
    secrets: async (url) => requireSecrets(typeof secret === 'function' ? await secret(url) : secret),
    allows: parseAllow(allow),
    source,
    queue,
    timeout,
    retries: retries ?? DEFAULT_RETRIES,
    disableAfter:
      options.disableAfter === false ? undefined : within(options.disableAfter ?? '5d', 0, 'webhooks: disableAfter'),
    probeEvery: within(options.probeEvery ?? '1h', 1, 'webhooks: probeEvery'),
  }
}

/** Whole ms of a duration, a year at most. */
function within(value: Duration, least: number, name: string): number {
  const time = Math.ceil(milliseconds(value, name))
  if (time < least || time > YEAR_MS)
    throw new ArgumentError(`${name}: expected ${least} ms to 365 days, got ${time} ms`)
  return time
}

function requireSecrets(secret: WebhookSecret): readonly string[] {
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (!Array.isArray(secrets) || secrets.length === 0)
    throw new ArgumentError('webhooks: secret: expected one or several texts, or a function that gives them')
  // Never shown: an error may end in a log.
  if (!secrets.every(isSecret))
    throw new ArgumentError("webhooks: secret: expected 'whsec_' and 24 to 64 bytes in base64, got something else")
  return secrets
}

function isSecret(secret: unknown): boolean {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(typeof secret === 'string' ? secret : '') ?? []
  if (base64 === undefined) return false
  const { length } = Buffer.from(base64, 'base64')
  return length >= 24 && length <= 64
}

function parseAllow(allow: readonly string[]): WebhookConfig['allows'] {
  if (!Array.isArray(allow)) throw new ArgumentError(`webhooks: allow: expected a list of hosts, got ${shown(allow)}`)
  const rules = allow.map((rule) => {
    const [, any, host, port] = /^(\*\.)?([^\s/@*?#:]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i.exec(String(rule)) ?? []
    if (host === undefined)
      throw new ArgumentError(`webhooks: allow: expected a host as 'localhost:8080', got ${shown(rule)}`)
    return { any: any !== undefined, host: host.toLowerCase(), port }
  })
  return ({ hostname, port, protocol }) => {
    const given = port || (protocol === 'https:' ? '443' : '80')
    return rules.some(
      (rule) =>
        (rule.any ? hostname.endsWith(`.${rule.host}`) : hostname === rule.host) &&
        (rule.port === undefined || rule.port === given),
    )
  }
}
