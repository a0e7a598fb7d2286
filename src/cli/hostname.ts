import { hostname } from 'node:os'
import type { App } from '../app/app.ts'
import { Control } from '../control/control.ts'

/**
 * A worker's name from the command line, by Celery's rules: `%h` is the host name, `%n` its first part, `%d` the rest,
 * `%%` a `%`; without an `@` the host name follows.
 */
export function workerName(text: string, host: string = hostname()): string {
  const [name = host, ...domain] = host.split('.')
  const parts: Readonly<Record<string, string>> = { '%h': host, '%n': name, '%d': domain.join('.'), '%%': '%' }
  const full = text.replace(/%[hnd%]/g, (mark) => parts[mark] as string)
  return full.includes('@') ? full : `${full}@${host}`
}

/** How long a worker of the same name has to answer, ms. */
const REPLY_TIMEOUT_MS = 300

/**
 * The first of `nameOf(1)`, `nameOf(2)`, … that no running worker answers to. One that is too busy to answer is not
 * seen. Rejects with StoreUnavailableError.
 */
export async function freeName(app: App, nameOf: (number: number) => string): Promise<string> {
  const control = new Control(app)
  for (let number = 1; ; number++) {
    const name = nameOf(number)
    if ((await control.ping({ destination: [name], timeout: REPLY_TIMEOUT_MS })).length === 0) return name
  }
}
