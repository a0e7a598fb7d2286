import type { Flags } from './flags.ts'
import type { Part } from './processes.ts'

/** What `celeriac serve` serves, and what `celeriac worker` runs. */
export interface Modules {
  readonly web: URL
  readonly tasks: URL
}

/** The commands of a service: one serves, the other works with `options` of its own. */
export function partsOf({ web, tasks }: Modules, flags: Flags, options: readonly string[]): Part[] {
  const { host, port, workers, broker, backend } = flags
  const stores = [...(broker ? ['--broker', broker] : []), ...(backend ? ['--result-backend', backend] : [])]
  const serving = ['serve', '-A', web.href, '--host', host, '--no-access-log', ...stores]
  if (workers !== '1') serving.push('--workers', workers)
  return [
    // Started again, it is where it was, also where any port would have done.
    { name: 'the service', args: (last) => [...serving, '--port', last === undefined ? port : portOf(urlOf(last))] },
    { name: 'the worker', args: () => ['worker', '-A', tasks.href, ...options, ...stores] },
  ]
}

/** Where `celeriac serve` says that it serves. */
export function urlOf(said: string): string {
  return /^HTTP API at (\S+)/.exec(said)?.[1] ?? ''
}

function portOf(url: string): string {
  return new URL(url).port || '80'
}
