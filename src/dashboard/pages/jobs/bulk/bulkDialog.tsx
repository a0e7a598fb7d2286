import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { useValue } from '../../../api/signal.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Dialog } from '../../../parts/ask/dialog.tsx'
import { Problem } from '../../../parts/problem.tsx'
import { counted } from '../../../parts/text/format.ts'
import { type Action, planOf, type Target } from './action.ts'
import { BulkRun, type RunState } from './bulkRun.ts'

/** From so many on, the number has to be typed before something final. */
const TYPED = 100
const whole = new Intl.NumberFormat('en')

/** Counts what an action would change, asks, and does it with its progress. `close`: whether something was changed. */
export function BulkDialog(props: {
  action: Action
  target: Target
  close: (isChanged: boolean) => void
}): JSX.Element {
  const { action, target, close } = props
  const run = useMemo(() => new BulkRun(planOf(action.name, target)), [])
  const isAll = target.kind === 'all'
  useEffect(() => {
    void run.count()
    return () => run.stop()
  }, [])
  const state = useValue(run.state)
  const leave = (): void => {
    // Without the dialog it could not be stopped.
    if (state.phase === 'running') run.stop()
    else close(state.changed > 0)
  }
  return (
    <Dialog title={isAll ? `${action.title}: all that fit` : `${action.title}: selected jobs`} close={leave}>
      <p>{action.says}</p>
      {action.name === 'retry' && isAll && target.filter.state.length === 0 && (
        <p class="quiet">Of all states, those that have failed are retried.</p>
      )}
      <Progress action={action} state={state} />
      <Left state={state} />
      {state.error && <Problem error={state.error} />}
      <Answers action={action} run={run} close={() => close(state.changed > 0)} />
    </Dialog>
  )
}

function Progress({ action, state }: { action: Action; state: RunState }): JSX.Element {
  const { phase, fitting, changed } = state
  const jobs = (number: number): string => `${whole.format(number)} ${number === 1 ? 'job' : 'jobs'}`
  if (phase === 'counting') return <p role="status">Counting… {jobs(fitting)} so far</p>
  if (phase === 'counted')
    return (
      <p role="status">
        {fitting === 0 ? 'No job fits.' : <strong>{`${jobs(fitting)} will be ${action.done}.`}</strong>}
      </p>
    )
  return (
    <>
      <progress max={Math.max(fitting, changed, 1)} value={changed} aria-label="Progress" />
      <p role="status">
        {phase === 'stopped' && 'Stopped. '}
        {phase === 'done' && 'Done. '}
        {`${jobs(changed)} of ${whole.format(fitting)} ${changed === 1 ? 'is' : 'are'} ${action.done}.`}
      </p>
    </>
  )
}

/** What cannot be done, and why. */
function Left({ state: { left } }: { state: RunState }): JSX.Element | null {
  const reasons = Object.entries(left)
  if (reasons.length === 0) return null
  return (
    <ul class="left">
      {reasons.map(([reason, number]) => (
        <li key={reason}>{`${counted(number, 'job')} ${number === 1 ? singular(reason) : reason}: left out`}</li>
      ))}
    </ul>
  )
}

function singular(reason: string): string {
  return reason.replace(/^have /, 'has ').replace(/^were /, 'was ')
}

function Answers({ action, run, close }: { action: Action; run: BulkRun; close: () => void }): JSX.Element {
  const { phase, fitting, changed } = useValue(run.state)
  const [typed, setTyped] = useState('')
  const isTyped = action.isFinal && fitting > TYPED
  const barred = isTyped && typed.trim() !== String(fitting) ? `Type ${fitting} to confirm` : undefined
  if (phase === 'running')
    return (
      <footer>
        <Button onPress={() => run.stop()}>Stop</Button>
      </footer>
    )
  if (phase === 'counted' && fitting > 0)
    return (
      <>
        {isTyped && (
          <label class="field">
            <span>{`Type ${fitting} to confirm`}</span>
            <input
              type="text"
              inputMode="numeric"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
        )}
        <footer>
          <Button onPress={close}>Cancel</Button>
          <Button
            kind={action.name === 'retry' ? 'primary' : 'danger'}
            disabled={barred}
            onPress={() => void run.run()}
          >
            {`${action.verb} ${whole.format(fitting)} ${fitting === 1 ? 'job' : 'jobs'}`}
          </Button>
        </footer>
      </>
    )
  const isBegun = changed > 0 || fitting > 0
  return (
    <footer>
      {phase === 'failed' && !isBegun && <Button onPress={() => void run.count()}>Try again</Button>}
      {(phase === 'stopped' || (phase === 'failed' && isBegun)) && (
        <Button onPress={() => void run.run()}>Go on</Button>
      )}
      <Button onPress={close}>{phase === 'counting' ? 'Cancel' : 'Close'}</Button>
    </footer>
  )
}
