import { redactUrl } from '../std/url.ts'

/** What a worker says of itself when it starts. */
export interface BannerFacts {
  readonly version: string
  readonly hostname: string
  /** The app's name. */
  readonly app: string
  /** Path of the task module, where there is one. */
  readonly module?: string
  /** URLs of broker and result backend; passwords are taken out here. */
  readonly broker: string
  readonly backend: string
  /** How the broker is used where that is not the usual way. */
  readonly note?: string | undefined
  /** Its own pool, then those that its tasks ask for. `kind`: `inline`, `threads`, `processes` or `solo`. */
  readonly pools: readonly { readonly kind: string; readonly size: number }[]
  /** Between which sizes its own pool scales itself. */
  readonly autoscale?: { readonly max: number; readonly min: number } | undefined
  readonly queues: readonly string[]
  /** Names of the tasks. */
  readonly tasks: Iterable<string>
}

/** The text that a worker shows when it starts, in the order of Celery's; no line end after the last line. */
export function banner(facts: BannerFacts): string {
  const tasks = [...facts.tasks].sort()
  const { autoscale } = facts
  const pools = facts.pools.map(({ kind, size }, place) =>
    autoscale && place === 0 ? `${autoscale.min} to ${autoscale.max} (${kind})` : `${size} (${kind})`,
  )
  return [
    '',
    ` celeriac v${facts.version} · ${facts.hostname}`,
    '',
    ' [config]',
    ` .> app:         ${facts.app}${facts.module === undefined ? '' : ` (${facts.module})`}`,
    ` .> transport:   ${redactUrl(facts.broker)}`,
    ...(facts.note === undefined ? [] : [`                 (${facts.note})`]),
    ` .> results:     ${redactUrl(facts.backend)}`,
    ` .> concurrency: ${pools.join(', ')}`,
    '',
    ' [queues]',
    ...facts.queues.map((queue) => ` .> ${queue}`),
    '',
    ' [tasks]',
    ...(tasks.length > 0 ? tasks.map((task) => `  . ${task}`) : ['  (none)']),
    '',
  ].join('\n')
}
