import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useKeys } from '../../app/keys.ts'
import { to } from '../../app/location.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Icon } from '../../parts/icon.tsx'
import { isEnded, State } from '../../parts/state.tsx'
import { duration } from '../../parts/text/format.ts'
import { Outside, OutsideBlock } from '../../parts/text/outside.tsx'
import { Moment } from '../../parts/text/time.tsx'
import { retryJob } from './changes.tsx'
import type { FlowNode } from './flow/model.ts'
import { runOf, waitOf } from './flow/times.ts'

export interface JobPanelProps {
  readonly node: FlowNode
  readonly isCritical: boolean
  readonly now: number
  readonly close: () => void
  /** Something was changed. */
  readonly changed: () => void
}

/** One job of the workflow, beside it. It has the focus; when it is closed, what had it before has it again. */
export function JobPanel({ node, isCritical, now, close, changed }: JobPanelProps): JSX.Element {
  const title = useRef<HTMLHeadingElement>(null)
  useKeys([{ keys: 'Escape', does: 'Close the job', run: close }])
  useEffect(() => {
    const before = document.activeElement
    title.current?.focus()
    return () => {
      if (before instanceof HTMLElement || before instanceof SVGElement) before.focus({ preventScroll: true })
    }
  }, [])
  const { id, task, error } = node
  return (
    <aside class="job-panel" aria-label="Job">
      <header>
        <h2 ref={title} tabIndex={-1}>
          {task === null ? 'Not recorded' : <Outside text={task} />}
        </h2>
        <Button kind="icon" label="Close the job" onPress={close}>
          <Icon name="close" />
        </Button>
      </header>
      {node.isKnown ? (
        <JobFacts node={node} isCritical={isCritical} now={now} />
      ) : (
        <p class="quiet">Other jobs name this one as their parent. It was not recorded, or not kept so long.</p>
      )}
      {error !== undefined && (
        <div class="part">
          <h3>Error</h3>
          <OutsideBlock text={error} label="Error" />
        </div>
      )}
      {node.isKnown && (
        <div class="row">
          <a class="button" href={to(['jobs', id])}>
            Open the job
          </a>
          {isEnded(node.state) && (
            <Button disabled={whyNot('retry')} onPress={async () => (await retryJob(node)) && changed()}>
              Retry this job
            </Button>
          )}
        </div>
      )}
    </aside>
  )
}

function JobFacts({ node, isCritical, now }: Pick<JobPanelProps, 'node' | 'isCritical' | 'now'>): JSX.Element {
  const { id, state, queuedAt, startedAt, endedAt, worker, queue, retries } = node
  const wait = waitOf(node, now)
  const run = runOf(node, now)
  return (
    <Facts
      of={[
        ['State', <State state={state} />],
        ['Critical path', isCritical ? 'This job is on it' : undefined],
        ['Id', <Outside text={id} />],
        ['Sent', queuedAt && <Moment at={queuedAt} />],
        ['Started', startedAt && <Moment at={startedAt} />],
        ['Ended', endedAt && <Moment at={endedAt} />],
        ['Wait', wait === undefined ? undefined : duration(wait)],
        ['Run', run === undefined ? undefined : duration(run)],
        ['Queue', queue && <Outside text={queue} />],
        ['Worker', worker && <Outside text={worker} />],
        ['Retries', retries || undefined],
      ]}
    />
  )
}
