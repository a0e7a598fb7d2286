import type { JSX } from 'preact'
import type { ScheduleDocument, SchedulePage } from '../../../protocol/scheduleDocument.ts'
import { to } from '../../app/location.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Menu } from '../../parts/ask/menu.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'
import { pauseOrResume, remove, runNow, whyNotRemoved } from './scheduleActions.tsx'
import { whenWords } from './whenWords.ts'

export interface ScheduleTableProps {
  readonly page: SchedulePage
  readonly reload: () => Promise<void>
}

export function ScheduleTable({ page, reload }: ScheduleTableProps): JSX.Element {
  return (
    <div class="scroll">
      <table class="folds schedules">
        <thead>
          <tr>
            <th>Name</th>
            <th>When</th>
            <th>Task</th>
            <th class="right">Next run</th>
            <th class="right">Last run</th>
            <th class="right">Runs</th>
            <th>State</th>
            <th>
              <span class="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {page.schedules.map((entry) => (
            <Row key={entry.name} entry={entry} reload={reload} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ entry, reload }: { entry: ScheduleDocument; reload: () => Promise<void> }): JSX.Element {
  const { name, task, nextRunAt, lastRunAt, lastJob, runs, paused, when } = entry
  return (
    <tr>
      <td class="name">
        <a href={to(['schedules', name])} data-row>
          <Outside text={name} />
        </a>
      </td>
      <td title={when}>
        <Outside text={whenWords(entry)} />
      </td>
      <td>
        <Outside text={task} />
      </td>
      <td class="right" data-of="Next run">
        <Ago at={nextRunAt} />
      </td>
      <td class="right" data-of="Last run">
        {lastJob === undefined ? (
          <Ago at={lastRunAt} />
        ) : (
          <a href={to(['jobs', lastJob])}>
            <Ago at={lastRunAt} />
          </a>
        )}
      </td>
      <td class="right" data-of="Runs">
        {count(runs)}
      </td>
      <td>
        <EntryState entry={entry} />
      </td>
      <td class="tight">
        <div class="row">
          <Button
            disabled={whyNot('runSchedule')}
            onPress={async () => {
              await pauseOrResume(entry)
              await reload()
            }}
          >
            {paused ? 'Resume' : 'Pause'}
            <span class="unseen"> {visible(name)}</span>
          </Button>
          <Menu label={`More for ${visible(name)}`}>
            <Button
              disabled={whyNot('runSchedule')}
              onPress={async () => {
                await runNow(entry)
                await reload()
              }}
            >
              Run now
            </Button>
            <Button disabled={whyNot('schedule') ?? whyNotRemoved(entry)} onPress={() => remove(entry)}>
              Remove…
            </Button>
          </Menu>
        </div>
      </td>
    </tr>
  )
}

/** What keeps it from running, in words. */
export function EntryState({ entry }: { entry: ScheduleDocument }): JSX.Element {
  const { paused, late, waiting, nextRunAt } = entry
  if (paused) return <span class="badge warn">Paused</span>
  return (
    <>
      {late !== undefined && (
        <span class="badge bad" title="Its time has passed and it was not sent: no beat runs, or it cannot keep up">
          Late by {duration(late)}
        </span>
      )}
      {waiting && <span class="badge warn">A run waits for the one before</span>}
      {late === undefined && !waiting && <span class="quiet">{nextRunAt === undefined ? 'Over' : 'Active'}</span>}
    </>
  )
}
