import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { DeadLetterFilterOptions } from '../../../client/client.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Dialog } from '../../parts/ask/dialog.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Shown } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { count, counted } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { filterWords, isEmpty } from './deadFilter.ts'
import { MAX_CHANGED } from './dropLetters.tsx'
import { intervalOf, type Progress, redriveAll } from './redriveRun.ts'

export interface RedriveDialogProps {
  readonly filter: DeadLetterFilterOptions
  readonly close: () => void
  readonly changed: () => Promise<void>
}

/** Sends all that fit again: how many, how fast, and how far it has come. */
export function RedriveDialog({ filter, close, changed }: RedriveDialogProps): JSX.Element {
  const which = { ...filter, ...(isEmpty(filter) && { all: true }) }
  const found = useResource((signal) => client.deadLetters.redrive({ ...which, dryRun: true, signal }), [])
  return (
    <Dialog title="Redrive dead letters" close={close}>
      <Shown of={found}>
        {({ ids }) => <Run filter={filter} total={ids.length} close={close} changed={changed} />}
      </Shown>
    </Dialog>
  )
}

function Run({ filter, total, close, changed }: RedriveDialogProps & { total: number }): JSX.Element {
  const [rate, setRate] = useState('')
  const [progress, setProgress] = useState<Progress>()
  const [isOver, setOver] = useState(false)
  const [error, setError] = useState<Error>()
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const start = async (): Promise<void> => {
    setError(undefined)
    setProgress({ sent: 0, succeeded: 0, gone: 0 })
    try {
      setProgress(await redriveAll({ filter, total, rate, signal: stop.current.signal, report: setProgress }))
    } catch (thrown) {
      if (!stop.current.signal.aborted) setError(thrown as Error)
    }
    setOver(true)
    await changed()
  }
  const isRate = intervalOf(rate) !== undefined
  return (
    <div class="confirm">
      <p>
        <Outside text={filterWords(filter)} />: {counted(total, 'message')}
        {total === MAX_CHANGED && ', and maybe more: redrive again for the rest'}. Each is sent to its queue again, the
        oldest first.
      </p>
      {progress === undefined ? (
        <Rate rate={rate} isRate={isRate} change={setRate} />
      ) : (
        <Done progress={progress} total={total} />
      )}
      {error && <Problem error={error} />}
      <footer>
        {progress !== undefined && !isOver ? (
          <Button onPress={() => stop.current.abort()}>Stop</Button>
        ) : (
          <Button onPress={close}>{isOver ? 'Close' : 'Cancel'}</Button>
        )}
        {progress === undefined && (
          <Button
            kind="primary"
            disabled={total === 0 ? 'No dead letter fits' : isRate ? undefined : 'The rate cannot be read'}
            onPress={() => void start()}
          >
            Redrive {counted(total, 'message')}
          </Button>
        )}
      </footer>
    </div>
  )
}

function Rate(props: { rate: string; isRate: boolean; change: (rate: string) => void }): JSX.Element {
  const { rate, isRate, change } = props
  return (
    <label class="field">
      <span>No faster than</span>
      <input
        value={rate}
        placeholder="300/m"
        aria-invalid={isRate ? undefined : true}
        onInput={(event) => change(event.currentTarget.value.trim())}
      />
      <span class={isRate ? 'hint' : 'wrong'}>
        {isRate ? 'A' : 'Expected a'} number per second, minute or hour, as 5/s, 300/m or 1000/h; empty: at once
      </span>
    </label>
  )
}

function Done({ progress: { sent, succeeded, gone }, total }: { progress: Progress; total: number }): JSX.Element {
  const done = sent + succeeded + gone
  return (
    <div class="redrive-progress" role="status">
      <Meter share={total === 0 ? 1 : done / total} label="Redriven" />
      <p>
        {count(sent)} of {count(total)} sent
        {succeeded > 0 && `, ${count(succeeded)} dropped because their jobs have succeeded`}
        {gone > 0 && `, ${count(gone)} gone meanwhile`}
      </p>
    </div>
  )
}
