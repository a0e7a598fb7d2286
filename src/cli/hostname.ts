import { hostname } from 'node:os'

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
