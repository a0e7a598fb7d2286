import { type Advancer, advancerOf, linkFollowUp } from '../canvas/advance.ts'
import { CONTENT_TYPES } from '../protocol/serializer.ts'
import { ChordJoiner } from './chordJoiner.ts'
import type { WorkerContext } from './task/workerContext.ts'

/** What a context is made of. */
export interface ContextParts
  extends Omit<
    WorkerContext,
    'limits' | 'followUps' | 'accept' | 'opens' | Exclude<keyof Advancer, 'app' | 'hostname'>
  > {}

/** What the executions of a worker need of it. */
export function contextOf(parts: ContextParts): WorkerContext {
  const { app, stores, hostname } = parts
  const advancer = advancerOf(app, hostname, stores)
  return {
    ...advancer,
    ...parts,
    followUps: [linkFollowUp(advancer), ...app.extensions.map(({ followUp }) => followUp)],
    limits: undefined,
    opens: stores.opens,
    accept: new Set(app.config.accept.map((name) => CONTENT_TYPES[name])),
  }
}

/** Begins to remove payloads that nothing needs any more. Returns what ends that. */
export async function sweepPayloads({ app, stores }: WorkerContext): Promise<() => Promise<void>> {
  if (!stores.payloads) return () => Promise.resolve()
  const { PayloadSweeper } = await import('./payloadSweeper.ts')
  const sweeper = new PayloadSweeper(app, stores)
  sweeper.start()
  return () => sweeper.stop()
}

/** Sends the bodies of chords that are complete; undefined where the store leaves that to each worker. */
export function joinerOf(context: WorkerContext): ChordJoiner | undefined {
  const { chords } = context.stores.backend
  return context.joins && chords ? new ChordJoiner(chords, { ...context, joiner: context }) : undefined
}
