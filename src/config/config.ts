import { ArgumentError } from '../std/errors.ts'
import { createLogger } from '../std/log.ts'
import { readOptions } from '../std/optionTable.ts'
import { SecretUrl } from '../std/secretUrl.ts'
import { defaultBackendOf } from '../stores/open.ts'
import { APP_OPTIONS, type CeleriacOptions } from './appOptions.ts'
import { type DefaultStore, defaultStore } from './defaultStore.ts'
import type { Config } from './parsedConfig.ts'
import { destinationOf, exchangesOf } from './queueOptions.ts'
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
  return new SecretUrl(defaultBackendOf(broker.reveal()))
}
