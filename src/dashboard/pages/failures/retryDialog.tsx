import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { client } from '../../api/client.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Dialog } from '../../parts/ask/dialog.tsx'
import { Problem } from '../../parts/problem.tsx'
import { count, counted } from '../../parts/text/format.ts'
import { type RetrySum, retryPages } from './retryPages.ts'

type Stage = 'counting' | 'counted' | 'retrying' | 'done'

/** First it counts, then, if the user wants it, it submits all jobs of the group again, and says what became of them. */
export function RetryDialog({ fingerprint, close }: { fingerprint: string; close: () => void }): JSX.Element {
  const [stage, setStage] = useState<Stage>('counting')
  const [sum, setSum] = useState<RetrySum>()
  const [fit, setFit] = useState(0)
  const [error, setError] = useState<Error>()
  const stop = useRef(new AbortController())
  const run = async (dryRun: boolean): Promise<void> => {
    stop.current = new AbortController()
    const { signal } = stop.current
    setError(undefined)
    setStage(dryRun ? 'counting' : 'retrying')
    try {
      const ask = (cursor: string | undefined) => client.recorded.retryFailure(fingerprint, { dryRun, cursor, signal })
      const found = await retryPages(ask, setSum, signal)
      if (dryRun) setFit(found.fit)
      setStage(dryRun ? 'counted' : 'done')
    } catch (reason) {
      if (!signal.aborted) setError(reason as Error)
    }
  }
  useEffect(() => {
    void run(true)
    return () => stop.current.abort()
  }, [])
  const isOpen = stage === 'counted' && error === undefined
  return (
    <Dialog title="Retry this group" close={close}>
      <div class="retry" aria-live="polite">
        {error ? (
          <Problem error={error} retry={() => run(stage === 'counting')} />
        ) : (
          <Words stage={stage} sum={sum} fit={fit} />
        )}
      </div>
      <footer>
        <Button onPress={close}>{stage === 'done' ? 'Close' : stage === 'retrying' ? 'Stop' : 'Cancel'}</Button>
        {isOpen && fit > 0 && (
          <Button kind="primary" onPress={() => run(false)}>
            Retry {counted(fit, 'job')}
          </Button>
        )}
      </footer>
    </Dialog>
  )
}

function Words({ stage, sum, fit }: { stage: Stage; sum: RetrySum | undefined; fit: number }): JSX.Element {
  if (stage === 'counting') return <p>Counting the jobs… {sum && sum.fit > 0 && count(sum.fit)}</p>
  const done = (sum?.retried ?? 0) + (sum?.before ?? 0)
  if (stage === 'retrying')
    return (
      <>
        <p>
          {count(done)} of {counted(fit, 'job')}…
        </p>
        <progress max={Math.max(1, fit)} value={done} aria-label="Jobs submitted again" />
      </>
    )
  return (
    <>
      {stage === 'counted' ? (
        <p>
          {fit === 0
            ? 'No job of this group can be submitted again.'
            : `${counted(fit, 'job')} can be submitted again, as new jobs with the same input. A job that was submitted again before is left out.`}
        </p>
      ) : (
        <p>{counted(sum?.retried ?? 0, 'job was', 'jobs were')} submitted again, each as a new job.</p>
      )}
      {sum && <Others sum={sum} />}
    </>
  )
}

/** Jobs that are left as they are, and why. */
function Others({ sum }: { sum: RetrySum }): JSX.Element | null {
  const { before, inputNotKept, unfit } = sum
  if (before + inputNotKept + unfit === 0) return null
  return (
    <ul class="quiet">
      {before > 0 && <li>{counted(before, 'job was', 'jobs were')} submitted again before</li>}
      {inputNotKept > 0 && <li>The input of {counted(inputNotKept, 'job')} is not kept</li>}
      {unfit > 0 && <li>{counted(unfit, 'job has', 'jobs have')} no record, or another state by now</li>}
    </ul>
  )
}
