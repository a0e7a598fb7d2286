import type { PayloadConfig, PayloadOptions } from '../payloads/payloadOptions.ts'
import { MAX_TIMER_MS } from '../std/clock.ts'
import { optionMilliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { createLogger } from '../std/log.ts'
import { readOptions } from '../std/optionTable.ts'
import { SecretUrl } from '../std/secretUrl.ts'
import { bytesOf, refuseUnknown, requireObject, shown } from '../std/validate.ts'
import { defaultBackendOf } from '../stores/open.ts'
import { APP_OPTIONS, type CeleriacOptions } from './appOptions.ts'
import { type DefaultStore, defaultStore } from './defaultStore.ts'
import type { Config } from './parsedConfig.ts'
import { destinationOf, exchangesOf } from './queueOptions.ts'
import { parseRecorder } from './recorderOptions.ts'
import { parseRequestOptions } from './requestOptions.ts'
import { parseRoutes } from './routeOptions.ts'
import { parseWebhooks } from './webhookOptions.ts'

export type { CeleriacOptions } from './appOptions.ts'
export type { Config } from './parsedConfig.ts'

/**
 * Parse, refuse what is unknown, freeze. `folder`: where the application is, to which the default store belongs. Throws
 * ArgumentError.
 */
export function parseConfig(options: CeleriacOptions, folder?: string): Config {
  const { routes, context, request, logger, ...parsed } = readOptions(APP_OPTIONS, options, 'Celeriac', '')
  const eager = parsed.alwaysEager
  const given = urlOf(eager ? 'memory:' : options.broker, 'broker')
  const { url, warning: storeWarning } =
    given === undefined ? defaultStoreHere(folder) : { url: '', warning: undefined }
  const broker = given ?? new SecretUrl(url)
  const { queue, queues } = parsed
  const exchanges = exchangesOf(queues, queue)
  return Object.freeze({
    ...parsed,
    broker,
    storeWarning,
    backend: urlOf(eager ? 'memory:' : options.backend, 'backend') ?? backendOf(broker),
    limits: eager ? undefined : urlOf(options.limits, 'limits'),
    route: routes && parseRoutes(routes, (route, where) => destinationOf(route, exchanges, queue, where)),
    exchanges,
    webhooks: parseWebhooks(parsed.webhooks, parsed.name),
    payloads: parsePayloads(parsed.payloads, parsed.codec !== undefined),
    request: parseRequestOptions(context, request),
    recorder: parseRecorder(parsed.recorder),
    folder,
    logger: logger === false ? createLogger('silent') : (logger ?? createLogger('info')),
  })
}

function defaultStoreHere(folder: string | undefined): DefaultStore {
  return defaultStore({ folder, main: process.argv[1], execArgv: process.execArgv, cwd: process.cwd() })
}

const PAYLOAD_NAMES: ReadonlySet<string> = new Set<keyof PayloadOptions>([
  'store',
  'threshold',
  'maxSize',
  'keep',
  'orphanAge',
  'sweepInterval',
  'secret',
])
const MIB = 1024 * 1024
const MIN_ORPHAN_AGE_MS = 60_000

function parsePayloads(options: PayloadOptions | undefined, seals: boolean): PayloadConfig | undefined {
  if (options === undefined) return undefined
  requireObject(options, 'payloads')
  refuseUnknown(options, PAYLOAD_NAMES, 'payloads')
  const {
    store,
    threshold = 64 * 1024,
    maxSize = 256 * MIB,
    keep = '7d',
    orphanAge = '1h',
    sweepInterval = '10m',
  } = options
  const { put, get, delete: drop, list } = Object(store) as Readonly<Record<string, unknown>>
  if (![put, get, drop, list].every((method) => typeof method === 'function'))
    throw new ArgumentError(`payloads: store: expected an object with put, get, delete and list, got ${shown(store)}`)
  if (seals && options.secret !== undefined)
    throw new ArgumentError('payloads: secret: expected none beside a codec: what clients upload is not sealed')
  const age = optionMilliseconds(orphanAge, 'payloads: orphanAge')
  if (age < MIN_ORPHAN_AGE_MS) throw new ArgumentError(`payloads: orphanAge: expected at least 1 min, got ${age} ms`)
  return {
    store,
    threshold: bytesOf(threshold, 'payloads: threshold', 1, MIB * 512),
    maxSize: bytesOf(maxSize, 'payloads: maxSize', 1, MIB * 512),
    keep: optionMilliseconds(keep, 'payloads: keep'),
    orphanAge: age,
    secrets: requireSecrets(options.secret),
    sweepInterval: requireInterval(optionMilliseconds(sweepInterval, 'payloads: sweepInterval')),
  }
}

const MIN_SECRET = 32

/** The error shows no secret. */
function requireSecrets(secret: PayloadOptions['secret']): readonly string[] {
  const secrets: readonly unknown[] = secret === undefined ? [] : Array.isArray(secret) ? secret : [secret]
  const isSecret = (one: unknown): one is string => typeof one === 'string' && one.length >= MIN_SECRET
  if (secrets.every(isSecret)) return secrets
  throw new ArgumentError(`payloads: secret: expected at least ${MIN_SECRET} characters, or a list of such texts`)
}

function requireInterval(ms: number): number {
  if (ms >= 1 && ms <= MAX_TIMER_MS) return ms
  throw new ArgumentError(`payloads: sweepInterval: expected 1 to ${MAX_TIMER_MS} ms, got ${ms}`)
}

function urlOf(url: unknown, where: string): SecretUrl | undefined {
  if (url === undefined) return undefined
  if (typeof url === 'string' && url !== '') return new SecretUrl(url)
  throw new ArgumentError(
    `${where}: expected a URL, got ${url === '' ? 'an empty text' : `a value of type ${typeof url}`}`,
  )
}

function backendOf(broker: SecretUrl): SecretUrl {
  return new SecretUrl(defaultBackendOf(broker.reveal()))
}
