import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { useValue } from '../../../api/signal.ts'
import { useKeys } from '../../../app/keys.ts'
import { whyNot } from '../../../app/session.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Menu } from '../../../parts/ask/menu.tsx'
import { BulkDialog } from '../../../parts/bulk/bulkDialog.tsx'
import type { Plan } from '../../../parts/bulk/plan.ts'
import { count, counted } from '../../../parts/text/format.ts'
import { notify } from '../../../parts/toasts.tsx'
import type { JobsFilter } from '../filter/jobsFilter.ts'
import type { JobList } from '../list/jobList.ts'
import type { Selection } from '../list/selection.ts'
import { ACTIONS, type Action, barrierOf, planOf, type Target } from './action.ts'

export interface BulkBarProps {
  readonly filter: JobsFilter
  readonly list: JobList
  readonly selection: Selection
  readonly total: { readonly count: number; readonly isPartial: boolean } | undefined
  readonly isRecorded: boolean
}

const NEEDS_RECORDER = 'This needs a recorder: the list is of the result backend alone'

/** How many there are, and what can be done with those that are selected, or with all. */
export function BulkBar({ filter, list, selection, total, isRecorded }: BulkBarProps): JSX.Element {
  useValue(list.rows.version)
  const [asked, setAsked] = useState<{ action: Action; target: Target; plan: Plan }>()
  const chosen = useValue(selection.chosen).size
  const barred = ({ ability }: Action): string | undefined =>
    whyNot(ability) ?? (isRecorded ? undefined : NEEDS_RECORDER)
  const ask = (action: Action, isAll: boolean): void => {
    const target: Target = isAll
      ? { kind: 'all', filter, at: Date.now() }
      : { kind: 'selected', rows: selection.latest(list.rows.kept()) }
    setAsked({ action, target, plan: planOf(action.name, target) })
  }
  const press = (action: Action): void => {
    const reason = barred(action) ?? (chosen === 0 ? 'Select jobs first, by x' : undefined)
    if (reason === undefined) ask(action, false)
    else notify(reason, 'problem')
  }
  useKeys([{ keys: 'r', does: 'Retry the selected jobs', run: () => press(ACTIONS[0] as Action) }])
  return (
    <div class="row bulk">
      {chosen > 0 ? (
        <>
          <strong role="status">{count(chosen)} selected</strong>
          {ACTIONS.map((action) => (
            <Button key={action.name} disabled={barred(action)} onPress={() => ask(action, false)}>
              {action.title}
            </Button>
          ))}
          <Button onPress={() => selection.clear()}>Clear</Button>
        </>
      ) : (
        <>
          <strong>{totalText(list, total)}</strong>
          <Menu label="Actions on all jobs that fit">
            {ACTIONS.map((action) => (
              <Button
                key={action.name}
                disabled={barred(action) ?? barrierOf(action.name, filter)}
                onPress={() => ask(action, true)}
              >
                {`${action.title} all that fit…`}
              </Button>
            ))}
          </Menu>
        </>
      )}
      {asked && (
        <BulkDialog
          title={`${asked.action.title}: ${asked.target.kind === 'all' ? 'all that fit' : 'selected jobs'}`}
          action={asked.action}
          plan={asked.plan}
          close={(isChanged) => {
            setAsked(undefined)
            if (!isChanged) return
            selection.clear()
            void list.restart()
          }}
        >
          {asked.action.name === 'retry' && asked.target.kind === 'all' && filter.state.length === 0 && (
            <p class="quiet">Of all states, those that have failed are retried.</p>
          )}
        </BulkDialog>
      )}
    </div>
  )
}

function totalText({ rows }: JobList, total: BulkBarProps['total']): string {
  const isPartial = rows.state === 'ended' ? false : (total?.isPartial ?? true)
  const number = rows.state === 'ended' ? rows.count : Math.max(rows.count, total?.count ?? 0)
  return isPartial ? `${count(number)}+ jobs` : counted(number, 'job')
}
