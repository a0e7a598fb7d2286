import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { useValue } from '../../api/signal.ts'
import { Button } from '../ask/button.tsx'
import { Dialog } from '../ask/dialog.tsx'
import { Problem } from '../problem.tsx'
import { counted } from '../text/format.ts'
import { BulkRun, type RunState } from './bulkRun.ts'
import type { Plan } from './plan.ts'

/** From so many on, the number has to be typed before something final. */
const TYPED = 100
const whole = new Intl.NumberFormat('en')

/** What is done to many jobs, in words. */
export interface BulkAction {
  /** As `Retry 3 jobs`. */
  readonly verb: string
  /** As `3 jobs are retried`. */
  readonly done: string
  /** What it acts on. Default: a job. */
  readonly noun?: string
  readonly says: ComponentChildren
  /** It takes something away. */
  readonly isHarsh?: boolean
  /** It cannot be taken back, so a large number has to be typed. */
  readonly isFinal?: boolean
}

export interface BulkDialogProps {
  readonly title: string
  readonly action: BulkAction
  /** Of the time when the dialog is opened. */
  readonly plan: Plan
  /** Why it cannot begin. */
  readonly barred?: string | undefined
  /** `isChanged`: something was changed. */
  readonly close: (isChanged: boolean) => void
  /** What the user chooses before it begins. */
  readonly children?: ComponentChildren
}

/** Counts what an action would change, asks, and does it with its progress. */
export function BulkDialog({ title, action, plan, barred, close, children }: BulkDialogProps): JSX.Element {
  const run = useMemo(() => new BulkRun(plan), [])
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
    <Dialog title={title} close={leave}>
      <p>{action.says}</p>
      {state.phase === 'counted' && children}
      <Progress action={action} state={state} />
      <Left action={action} state={state} />
      {state.error && <Problem error={state.error} />}
      <Answers action={action} run={run} barred={barred} close={() => close(state.changed > 0)} />
    </Dialog>
  )
}

function Progress({ action, state }: { action: BulkAction; state: RunState }): JSX.Element {
  const { phase, fitting, changed } = state
  const { noun = 'job', done } = action
  const jobs = (number: number): string => exactly(number, noun)
  if (phase === 'counting') return <p role="status">Counting… {jobs(fitting)} so far</p>
  if (phase === 'counted')
    return (
      <p role="status">{fitting === 0 ? `No ${noun} fits.` : <strong>{`${jobs(fitting)} will be ${done}.`}</strong>}</p>
    )
  return (
    <>
      <progress max={Math.max(fitting, changed, 1)} value={changed} aria-label="Progress" />
      <p role="status">
        {phase === 'stopped' && 'Stopped. '}
        {phase === 'done' && 'Done. '}
        {`${jobs(changed)} of ${whole.format(fitting)} ${changed === 1 ? 'is' : 'are'} ${done}.`}
      </p>
    </>
  )
}

/** As the number must be typed. */
function exactly(number: number, noun: string): string {
  return `${whole.format(number)} ${number === 1 ? noun : `${noun}s`}`
}

/** What cannot be done, and why. */
function Left({ action, state: { left } }: { action: BulkAction; state: RunState }): JSX.Element | null {
  const reasons = Object.entries(left)
  if (reasons.length === 0) return null
  return (
    <ul class="left">
      {reasons.map(([reason, number]) => (
        <li
          key={reason}
        >{`${counted(number, action.noun ?? 'job')} ${number === 1 ? singular(reason) : reason}: left out`}</li>
      ))}
    </ul>
  )
}

function singular(reason: string): string {
  return reason.replace(/^have /, 'has ').replace(/^were /, 'was ')
}

interface AnswersProps {
  readonly action: BulkAction
  readonly run: BulkRun
  readonly barred: string | undefined
  readonly close: () => void
}

function Answers({ action, run, barred, close }: AnswersProps): JSX.Element {
  const { phase, fitting, changed } = useValue(run.state)
  const { verb, noun = 'job', isHarsh, isFinal } = action
  const [typed, setTyped] = useState('')
  const isTyped = isFinal && fitting > TYPED
  const untyped = isTyped && typed.trim() !== String(fitting) ? `Type ${fitting} to confirm` : undefined
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
          <Button kind={isHarsh ? 'danger' : 'primary'} disabled={barred ?? untyped} onPress={() => void run.run()}>
            {`${verb} ${exactly(fitting, noun)}`}
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
