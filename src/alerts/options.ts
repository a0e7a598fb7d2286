import { parseWebhooks, type WebhookConfig, type WebhookSecret } from '../config/webhookOptions.ts'
import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { webhookUrl } from '../webhook/url.ts'
import { type AlertRule, type ParsedRule, parseRules } from './rules.ts'

/** When alerts are sent, and where to. */
export interface AlertOptions {
  // <ALERT_OPTIONS> written by `npm run docs:api` from the table below
  /** What is watched. */
  rules: readonly AlertRule[]
  /** URLs that get each alert, signed as Standard Webhooks. */
  to: string | readonly string[]
  /** `whsec_` and 24 to 64 random bytes in base64; a list: each signs. */
  secret: WebhookSecret
  /** Hosts that may be private and without TLS, as the same option of `webhooks`. Default: none. */
  allow?: readonly string[] | undefined
  /** How often the rules are looked at. Default `'10s'`. */
  every?: Duration | undefined
  // </ALERT_OPTIONS>
}

/** Parsed: times in ms. */
export interface ParsedAlertOptions {
  readonly rules: readonly ParsedRule[]
  readonly to: readonly string[]
  readonly webhooks: WebhookConfig
  readonly every: number
}

interface ReadOptions extends Pick<ParsedAlertOptions, 'rules' | 'every'> {
  readonly to: readonly string[]
  readonly secret: WebhookSecret
  readonly allow: readonly string[] | undefined
}

const MAX_RULES = 1000
const MIN_EVERY_MS = 1000
const MAX_EVERY_MS = 3_600_000

export const ALERT_OPTIONS: OptionTable<AlertOptions, ReadOptions> = {
  rules: {
    kind: 'value',
    type: 'readonly AlertRule[]',
    required: true,
    parse: (rules, where) => parseRules(rules, where),
    doc: 'what is watched',
  },
  to: {
    kind: 'value',
    type: 'string | readonly string[]',
    required: true,
    parse: parseUrls,
    doc: 'URLs that get each alert, signed as Standard Webhooks',
  },
  secret: {
    kind: 'value',
    type: 'WebhookSecret',
    required: true,
    doc: '`whsec_` and 24 to 64 random bytes in base64; a list: each signs',
  },
  allow: {
    kind: 'value',
    type: 'readonly string[]',
    absent: 'none',
    doc: 'hosts that may be private and without TLS, as the same option of `webhooks`',
  },
  every: {
    kind: 'duration',
    check: requireEvery,
    default: '10s',
    doc: 'how often the rules are looked at',
  },
}

/** Throws ArgumentError for what cannot be. `name`: the app's; `where`: the option or file. */
export function parseAlerts(options: AlertOptions, name: string, where: string): ParsedAlertOptions {
  const { secret, allow, to, rules, every } = readOptions(ALERT_OPTIONS, options, where)
  if (rules.length === 0 || rules.length > MAX_RULES)
    throw new ArgumentError(`${where}: rules: expected 1 to ${MAX_RULES}, got ${rules.length}`)
  const webhooks = parseWebhooks({ secret, allow }, name)
  if (!webhooks) throw new ArgumentError(`${where}: expected options`)
  for (const url of to) webhookUrl(url, webhooks)
  return { rules, to, webhooks, every }
}

function parseUrls(given: string | readonly string[], where: string): readonly string[] {
  const urls: readonly string[] = typeof given === 'string' ? [given] : given
  // Never shown as it is: a URL may have a token.
  if (Array.isArray(urls) && urls.length > 0 && urls.every((url) => typeof url === 'string')) return urls
  throw new ArgumentError(`${where}: expected a URL, or a list of them, got something else`)
}

function requireEvery(ms: number, where: string): void {
  if (ms < MIN_EVERY_MS || ms > MAX_EVERY_MS) throw new ArgumentError(`${where}: expected 1 s to 1 h, got ${ms} ms`)
}
