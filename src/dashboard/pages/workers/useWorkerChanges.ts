import { useRef, useState } from 'preact/hooks'
import { useLive } from '../../api/live.ts'
import { type SeenWorker, seenNow } from './seenWorker.ts'

/** Workers that have changed. */
export interface WorkerChange {
  readonly changed: readonly SeenWorker[]
  /** Names of those that are not listed any more. */
  readonly gone: readonly string[]
  /** `changed` are all that there are. */
  readonly isWhole: boolean
}

/** Follow the workers of the fleet. Returns why they cannot be read now; undefined where they can. */
export function useWorkerChanges(take: (change: WorkerChange) => void): string | undefined {
  const [problem, setProblem] = useState<string>()
  const isFirst = useRef(true)
  useLive({
    watch: { watch: 'workers' },
    begin: () => {
      isFirst.current = true
    },
    change: (message) => {
      if (message.kind === 'problem') setProblem(message.detail)
      if (message.kind !== 'workers') return
      setProblem(undefined)
      take({ changed: message.changed.map(seenNow), gone: message.gone, isWhole: isFirst.current })
      isFirst.current = false
    },
  })
  return problem
}
