import { MAX_TIMER_MS } from '../std/clock.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { shown } from '../std/validate.ts'

/**
 * One secret or several, each as Standard Webhooks writes them: `whsec_` and 24 to 64 bytes in base64. The first is the
 * current one.
 */
export type WebhookSecret = string | readonly string[]

/** How an app notifies other servers that a job has ended. Every worker of the app needs the same. */
export interface WebhookOptions {
  // <WEBHOOK_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * `whsec_` and 24 to 64 random bytes in base64 (`echo whsec_$(openssl rand -base64 32)`). A list: each signs, so that
   * receivers can change over one by one. A function of the URL: each receiver has its own.
   */
  secret: WebhookSecret | ((url: string) => WebhookSecret | Promise<WebhookSecret>)
  /**
   * Hosts that may be private and without TLS: `'localhost:8080'`, `'10.0.0.5'`, `'*.internal'`. All others are
   * `https:` at public addresses. Default: none.
   */
  allow?: readonly string[] | undefined
  /** `source` of the events, a URI reference. Default: `urn:celeriac:<name of the app>`. */
  source?: string | undefined
  /**
   * Where deliveries wait. Give them one of their own where workers of Python share the queues of your jobs: those do
   * not know the task. Default: the queue of the job.
   */
  queue?: string | undefined
  /** Longest time of one attempt. Default `'15s'`. */
  timeout?: Duration | undefined
  /** Repeats after a failed attempt, from 5 s apart to 24 h: 16 take about three days. Default `16`. */
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
  // </WEBHOOK_OPTIONS>
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

/** As the table reads them: the app's name and the secrets are still missing. */
interface ParsedWebhookOptions extends Omit<WebhookConfig, 'secrets' | 'allows' | 'source'> {
  readonly secret: WebhookOptions['secret']
  readonly allow: WebhookConfig['allows']
  readonly source: string | undefined
}

/** Longest time that the store keeps, ms. */
const YEAR_MS = 365 * 86_400_000

export const WEBHOOK_OPTIONS: OptionTable<WebhookOptions, ParsedWebhookOptions> = {
  secret: {
    kind: 'value',
    type: 'WebhookSecret | ((url: string) => WebhookSecret | Promise<WebhookSecret>)',
    check: requireSecret,
    required: true,
    doc: '`whsec_` and 24 to 64 random bytes in base64 (`echo whsec_$(openssl rand -base64 32)`)',
    more: 'A list: each signs, so that receivers can change over one by one. A function of the URL: each receiver has its own.',
  },
  allow: {
    kind: 'value',
    type: 'readonly string[]',
    parse: parseAllow,
    default: [],
    absent: 'none',
    doc: "hosts that may be private and without TLS: `'localhost:8080'`, `'10.0.0.5'`, `'*.internal'`",
    more: 'All others are `https:` at public addresses.',
  },
  source: {
    kind: 'text',
    absent: '`urn:celeriac:<name of the app>`',
    doc: '`source` of the events, a URI reference',
  },
  queue: {
    kind: 'text',
    absent: 'the queue of the job',
    doc: 'where deliveries wait',
    more: 'Give them one of their own where workers of Python share the queues of your jobs: those do not know the task.',
  },
  timeout: {
    kind: 'duration',
    check: requireTimer,
    default: '15s',
    doc: 'longest time of one attempt',
  },
  retries: {
    kind: 'count',
    min: 0,
    default: 16,
    doc: 'repeats after a failed attempt, from 5 s apart to 24 h: 16 take about three days',
  },
  disableAfter: {
    kind: 'value',
    type: 'Duration | false',
    parse: (value, where) => (value === false ? undefined : within(value, 0, where)),
    default: '5d',
    doc: 'an endpoint that has failed for so long without a success is disabled when a delivery to it fails for good; one that answers 410 is at once',
    more: '`false`: none ever is.',
  },
  probeEvery: {
    kind: 'value',
    type: 'Duration',
    parse: (value, where) => within(value, 1, where),
    default: '1h',
    doc: 'how often one delivery goes to a disabled endpoint as a probe; when it is accepted, the endpoint is enabled again',
  },
}

/** Throws ArgumentError for what cannot be. `name` is the app's. */
export function parseWebhooks(options: WebhookOptions | undefined, name: string): WebhookConfig | undefined {
  if (options === undefined) return undefined
  const { secret, allow: allows, source, ...parsed } = readOptions(WEBHOOK_OPTIONS, options, 'webhooks')
  requireSecret(secret)
  return {
    ...parsed,
    secrets: async (url) => requireSecrets(typeof secret === 'function' ? await secret(url) : secret),
    allows,
    source: source ?? `urn:celeriac:${encodeURIComponent(name)}`,
  }
}

function requireTimer(time: number, where: string): void {
  if (time < 1 || time > MAX_TIMER_MS) throw new ArgumentError(`${where}: expected 1 ms to 24 days, got ${time} ms`)
}

/** Whole ms of a duration, a year at most. */
function within(value: Duration, least: number, name: string): number {
  const time = Math.ceil(milliseconds(value, name))
  if (time < least || time > YEAR_MS)
    throw new ArgumentError(`${name}: expected ${least} ms to 365 days, got ${time} ms`)
  return time
}

function requireSecret(secret: WebhookOptions['secret']): void {
  if (typeof secret !== 'function') requireSecrets(secret)
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
