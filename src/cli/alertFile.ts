import { Alerts } from '../alerts/alerts.ts'
import { readAlertFile } from '../alerts/file.ts'
import type { App } from '../app/app.ts'
import { ArgumentError, ConfigError } from '../std/errors.ts'

/** The alerts of an app by the rules of a JSON file. Rejects with ConfigError, which names the file. */
export async function alertsOf(app: App, path: string): Promise<Alerts> {
  const options = await readAlertFile(path)
  try {
    return new Alerts(app, options)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    throw new ConfigError(`${path}: ${error.message}`, { cause: error })
  }
}
