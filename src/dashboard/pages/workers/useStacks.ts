import { useState } from 'preact/hooks'
import type { WorkerStackDocument } from '../../../protocol/workerDocument.ts'
import { client } from '../../api/client.ts'

/** Stacks of a worker, by the id of the job; undefined as long as none were taken. */
export interface Stacks {
  readonly stacks: ReadonlyMap<string, WorkerStackDocument> | undefined
  /** When they were taken, ms. */
  readonly at: number | undefined
  /** Take them now; a button shows what is thrown. */
  readonly load: () => Promise<void>
}

export function useStacks(worker: string): Stacks {
  const [taken, setTaken] = useState<{ slots: readonly WorkerStackDocument[]; at: number }>()
  return {
    stacks: taken && new Map(taken.slots.map((slot) => [slot.id, slot])),
    at: taken?.at,
    load: async () => {
      const { slots } = await client.workers.stack(worker)
      setTaken({ slots, at: Date.now() })
    },
  }
}
