import type { ResultBackend } from '../../backend/backend.ts'
import { countsEvents, Keeping, type KeepingCaps, type KeptAmount } from '../../backend/bounds/keeping.ts'
import type { Broker } from '../../broker/broker.ts'
import type { Config } from '../../config/config.ts'
import { keepingCapsOf, type QueueBounds, queueBoundsOf } from '../../config/queueOptions.ts'

/** How much of what an app allows is used. */
export interface BoundUse {
  /**
   * As `queue celery`, `bytes of queue celery`, `results`, `bytes of results`, `events`, `bytes of events`, `dead
   * letters`, `bytes of dead letters`.
   */
  readonly what: string
  /** Name of the option that says the limit. */
  readonly option:
    | 'maxQueueLength'
    | 'maxQueueBytes'
    | 'maxResults'
    | 'maxResultBytes'
    | 'maxEvents'
    | 'maxEventBytes'
    | 'deadLetters.max'
    | 'deadLetters.maxBytes'
  readonly used: number
  readonly limit: number
  /** At least 80 % are used. */
  readonly nearlyFull: boolean
}

/** What knows how much waits. */
export type QueueSizes = Pick<Broker, 'size' | 'bytes'>

interface Stores {
  readonly broker: QueueSizes
  readonly backend: Pick<ResultBackend, 'rows' | 'deadLetters'>
}

/**
 * Of all that the app bounds: its queues that have a name in its options, and these; what its result backend keeps,
 * which is counted for this; dead letters, where there are some.
 */
export async function boundUses(stores: Stores, config: Config, queues: Iterable<string>): Promise<BoundUse[]> {
  const boundOf = queueBoundsOf(config)
  const caps = keepingCapsOf(config)
  const ofQueues = boundOf ? await queueUses(stores.broker, boundOf, new Set([...namedQueues(config), ...queues])) : []
  const ofLetters = await deadLetterUses(stores.backend, config)
  return [...ofQueues, ...(await ofKept(stores.backend, caps)), ...ofLetters.filter(({ used }) => used > 0)]
}

async function ofKept(backend: Stores['backend'], caps: KeepingCaps | undefined): Promise<BoundUse[]> {
  if (!caps || !backend.rows) return []
  return keptUses(await new Keeping(await backend.rows()).amount(countsEvents(caps)), caps)
}

/** Empty where the backend keeps none. */
export async function deadLetterUses(
  backend: Pick<ResultBackend, 'deadLetters'>,
  { deadLetters: { max, maxBytes } }: Pick<Config, 'deadLetters'>,
): Promise<BoundUse[]> {
  const amount = await (await backend.deadLetters?.())?.amount()
  if (!amount) return []
  return [
    useOf('dead letters', 'deadLetters.max', amount.letters, max),
    useOf('bytes of dead letters', 'deadLetters.maxBytes', amount.bytes, maxBytes),
  ]
}

/** The queues that the options of an app name. */
export function namedQueues({ queue, queues }: Pick<Config, 'queue' | 'queues'>): readonly string[] {
  return [queue, ...Object.keys(queues)]
}

export async function queueUses(
  broker: QueueSizes,
  boundOf: QueueBounds,
  queues: Iterable<string>,
): Promise<BoundUse[]> {
  const uses: BoundUse[] = []
  for (const queue of queues) {
    const { messages, bytes } = boundOf(queue) ?? {}
    if (messages !== undefined) uses.push(useOf(`queue ${queue}`, 'maxQueueLength', await broker.size(queue), messages))
    if (bytes !== undefined && broker.bytes)
      uses.push(useOf(`bytes of queue ${queue}`, 'maxQueueBytes', await broker.bytes.waiting(queue), bytes))
  }
  return uses
}

export function keptUses(kept: KeptAmount, caps: KeepingCaps): BoundUse[] {
  return KEPT.flatMap(([name, what, option]) => {
    const limit = caps[name]
    return limit === undefined ? [] : [useOf(what, option, kept[name], limit)]
  })
}

/** The option that caps what is kept; undefined: none does. */
export function capOption(caps: KeepingCaps): BoundUse['option'] | undefined {
  return KEPT.find(([name]) => caps[name] !== undefined)?.[2]
}

const KEPT: readonly (readonly [keyof KeptAmount, string, BoundUse['option']])[] = [
  ['results', 'results', 'maxResults'],
  ['resultBytes', 'bytes of results', 'maxResultBytes'],
  ['events', 'events', 'maxEvents'],
  ['eventBytes', 'bytes of events', 'maxEventBytes'],
]

/** From this share on there is a warning, and the next one only after the share was below the second number. */
const NEARLY_FULL = 0.8
export const NOT_FULL = 0.7

function useOf(what: string, option: BoundUse['option'], used: number, limit: number): BoundUse {
  return { what, option, used, limit, nearlyFull: used >= limit * NEARLY_FULL }
}

/** In words, as `queue mail: 850 of 1000 (maxQueueLength), 85 %`. */
export function useText({ what, option, used, limit }: BoundUse): string {
  return `${what}: ${used} of ${limit} (${option}), ${Math.floor((100 * used) / limit)} %`
}
