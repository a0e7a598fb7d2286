import type { JSX } from 'preact'
import type { ScheduleDocument } from '../../../protocol/scheduleDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { useKeys } from '../../app/keys.ts'
import { here, setQuery, to } from '../../app/location.ts'
import { can, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { Json } from '../../parts/text/json.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago, Moment } from '../../parts/text/time.tsx'
import { LastJobs } from './lastJobs.tsx'
import { NextRuns } from './nextRuns.tsx'
import { NotKept } from './notKept.tsx'
import { pauseOrResume, remove, runNow, whyNotRemoved } from './scheduleActions.tsx'
import { EditSchedule } from './scheduleForm.tsx'
import { EntryState } from './scheduleTable.tsx'
import { missedWords, OVERLAP, spanText, whenWords } from './whenWords.ts'

const RELOAD_MS = 5000
const NEXT = 20

/** One entry of the schedule: its facts, its next and last runs; or the form that changes it. */
export function Schedule({ id }: { readonly id: string }): JSX.Element {
  return can('schedules') ? <Entry name={id} /> : <NotKept />
}

function Entry({ name }: { name: string }): JSX.Element {
  const isEdited = here.value.query.has('edit')
  // What is edited does not change below the user's hands: the server says at the end whether it has changed.
  const found = useResource(
    (signal) => client.schedules.get(name, { next: NEXT, signal }),
    [name],
    isEdited ? {} : { every: RELOAD_MS },
  )
  const entry = found.data
  if (isEdited && entry) {
    const close = async (): Promise<void> => {
      setQuery({ edit: undefined })
      await found.reload()
    }
    return <EditSchedule entry={entry} close={close} />
  }
  return (
    <Page title={<Outside text={name} />} actions={entry && <Actions entry={entry} reload={found.reload} />}>
      <Shown of={found}>{(one) => <About entry={one} />}</Shown>
    </Page>
  )
}

function Actions({ entry, reload }: { entry: ScheduleDocument; reload: () => Promise<void> }): JSX.Element {
  const edit = (): void => {
    if (whyNot('schedule') === undefined) setQuery({ edit: '1' }, { push: true })
  }
  useKeys([{ keys: 'e', does: 'Edit the schedule', run: edit }])
  return (
    <>
      <Button
        disabled={whyNot('runSchedule')}
        onPress={async () => {
          await runNow(entry)
          await reload()
        }}
      >
        Run now
      </Button>
      <Button
        disabled={whyNot('runSchedule')}
        onPress={async () => {
          await pauseOrResume(entry)
          await reload()
        }}
      >
        {entry.paused ? 'Resume' : 'Pause'}
      </Button>
      <Button disabled={whyNot('schedule')} onPress={edit}>
        Edit
      </Button>
      <Button kind="danger" disabled={whyNot('schedule') ?? whyNotRemoved(entry)} onPress={() => remove(entry)}>
        Remove…
      </Button>
    </>
  )
}

function About({ entry }: { entry: ScheduleDocument }): JSX.Element {
  const { name, task, late, waiting, lastJob, schedule, next = [], args, kwargs } = entry
  return (
    <>
      {late !== undefined && (
        <p class="notice">
          Its time passed {duration(late)} ago and it was not sent: no beat runs, or it cannot keep up. Start one:{' '}
          <code>celeriac beat -A module</code>. {missedWords(entry.missed)} then.
        </p>
      )}
      {waiting && (
        <p class="notice">
          The run before has not ended
          {lastJob !== undefined && (
            <>
              {' '}
              (<a href={to(['jobs', lastJob])}>its job</a>)
            </>
          )}
          : a run waits for it.
        </p>
      )}
      <div class="card">
        <EntryFacts entry={entry} />
      </div>
      {entry.concealed !== true && (
        <section class="part" aria-labelledby="input">
          <h2 id="input">Input</h2>
          <Json label="Arguments" value={inputOf(args, kwargs)} />
        </section>
      )}
      <NextRuns name={name} when={schedule} next={next} />
      {can('record') && <LastJobs task={task} lastJob={lastJob} />}
    </>
  )
}

/** Whichever of them there is; both by their names. */
function inputOf(args: readonly unknown[] = [], kwargs: Readonly<Record<string, unknown>> = {}): unknown {
  if (Object.keys(kwargs).length === 0) return args
  return args.length === 0 ? kwargs : { args, kwargs }
}

function EntryFacts({ entry }: { entry: ScheduleDocument }): JSX.Element {
  const { task, when, options, nextRunAt, lastRunAt, lastJob, runs, missed, overlap, jitter, start, end } = entry
  const words = whenWords(entry)
  return (
    <Facts
      of={[
        ['When', <Outside key="when" text={words} />],
        ['Written as', words === when ? undefined : <Outside key="written" text={when} />],
        ['State', <EntryState key="state" entry={entry} />],
        ['Task', <Outside key="task" text={task} />],
        ['Next run', nextRunAt === undefined ? undefined : <Both key="next" at={nextRunAt} />],
        [
          'Last run',
          lastRunAt === undefined ? (
            'Never'
          ) : (
            <span key="last">
              <Both at={lastRunAt} />
              {lastJob !== undefined && (
                <>
                  {', '}
                  <a href={to(['jobs', lastJob])}>its job</a>
                </>
              )}
            </span>
          ),
        ],
        ['Runs', count(runs)],
        ['Runs that were missed', missedWords(missed)],
        ['If the run before goes on', OVERLAP[overlap]],
        ['Jitter', jitter === 0 ? undefined : `Up to ${spanText(jitter)} later`],
        ['Not before', start === undefined ? undefined : <Moment key="start" at={start} />],
        ['Not after', end === undefined ? undefined : <Moment key="end" at={end} />],
        [
          'Options',
          Object.keys(options).length === 0 ? undefined : <Outside key="options" text={JSON.stringify(options)} />,
        ],
        ['Defined', entry.source === 'code' ? 'In the code of the app' : 'By a call, here or elsewhere'],
      ]}
    />
  )
}

function Both({ at }: { at: string }): JSX.Element {
  return (
    <>
      <Ago at={at} /> <span class="quiet">(</span>
      <Moment at={at} />
      <span class="quiet">)</span>
    </>
  )
}
