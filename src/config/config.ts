import type { QueueOptions } from '../broker/queueOptions.ts'
import { AMQP_SCHEMES } from '../broker/schemes.ts'
import { ArgumentError } from '../std/errors.ts'
import { createLogger, type Logger } from '../std/log.ts'
import { SecretUrl } from '../std/secretUrl.ts'
import { APP_OPTIONS, type CeleriacOptions } from './appOptions.ts'
import { type DefaultStore, defaultStore } from './defaultStore.ts'
import { readOptions } from './optionTable.ts'
import { parseRequestOptions, type RequestConfig } from './requestOptions.ts'
import { parseWebhooks, type WebhookConfig } from './webhookOptions.ts'

export type { CeleriacOptions } from './appOptions.ts'

/** An app's options as parsed: every value present, times in ms. */
export interface Config {
  readonly name: string
  readonly broker: SecretUrl
  readonly backend: SecretUrl
  /** What to know of the place of the default store; undefined where there is nothing, or a broker was named. */
  readonly storeWarning: string | undefined
  readonly queue: string
  readonly route: (task: string) => string | undefined
  readonly serializer: 'json' | 'msgpack'
  readonly resultSerializer: 'json' | 'msgpack'
  readonly accept: readonly ('json' | 'msgpack')[]
  readonly typedJson: boolean
  /** ms */
  readonly resultExpires: number
  readonly keyPrefix: string
  /** ms */
  readonly lease: number
  /** ms */
  readonly visibilityTimeout: number
  /** ms; undefined: the store's own default. */
  readonly storeTimeout: number | undefined
  readonly queues: Readonly<Record<string, QueueOptions>>
  readonly ignoreResult: boolean
  readonly trackStarted: boolean
  readonly eventLog: number
  readonly alwaysEager: boolean
  readonly webhooks: WebhookConfig | undefined
  readonly request: RequestConfig
  readonly logger: Logger
}

/** Parse, refuse what is unknown, freeze. `folder`: where the application is, to which the default store belongs. Throws ArgumentError. */
export function parseConfig(options: CeleriacOptions, folder?: string): Config {
  const { routes, context, request, logger, ...parsed } = readOptions(APP_OPTIONS, options, 'Celeriac', '')
  const eager = parsed.alwaysEager
  const given = urlOf(eager ? 'memory:' : options.broker, 'broker')
  const { url, warning: storeWarning } =
    given === undefined ? defaultStoreHere(folder) : { url: '', warning: undefined }
  const broker = given ?? new SecretUrl(url)
  return Object.freeze({
    ...parsed,
    broker,
    storeWarning,
    backend: urlOf(eager ? 'memory:' : options.backend, 'backend') ?? backendOf(broker),
    route: routes,
    webhooks: parseWebhooks(parsed.webhooks, parsed.name),
    request: parseRequestOptions(context, request),
    logger: logger === false ? createLogger('silent') : (logger ?? createLogger('info')),
  })
}

function defaultStoreHere(folder: string | undefined): DefaultStore {
  return defaultStore({ folder, main: process.argv[1], execArgv: process.execArgv, cwd: process.cwd() })
}

function urlOf(url: unknown, where: string): SecretUrl | undefined {
  if (url === undefined) return undefined
  if (typeof url === 'string' && url !== '') return new SecretUrl(url)
  throw new ArgumentError(
    `${where}: expected a URL, got ${url === '' ? 'an empty text' : `a value of type ${typeof url}`}`,
  )
}

function backendOf(broker: SecretUrl): SecretUrl {
  return AMQP_SCHEMES.has(broker.scheme) ? new SecretUrl('rpc://') : broker
}
