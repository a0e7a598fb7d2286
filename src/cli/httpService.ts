import type { App } from '../app/app.ts'
import type { HttpServer } from '../http/serve.ts'
import { CeleriacError, ConfigError } from '../std/errors.ts'

export interface Address {
  host: string
  port: number
}

/**
 * The HTTP API of all tasks of an app. An address that cannot be had is a failure, not wrong use: it may be free later.
 */
export async function startHttp(app: App, { host, port }: Address): Promise<HttpServer> {
  const [{ createHttp }, { serve }] = await Promise.all([import('../http/api.ts'), import('../http/serve.ts')])
  try {
    return await serve(createHttp(app, { expose: [...app.tasks.values()] }), { host, port })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CeleriacError('COMMAND_FAILED', error.message, { cause: error })
  }
}
