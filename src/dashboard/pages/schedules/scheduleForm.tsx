import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { ProblemError } from '../../../client/problem.ts'
import type { ScheduleDocument } from '../../../protocol/scheduleDocument.ts'
import { client } from '../../api/client.ts'
import { go, to } from '../../app/location.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Text } from '../../parts/ask/fields.tsx'
import { readJson } from '../../parts/ask/jsonField.tsx'
import { fieldProblems, problemAt } from '../../parts/fieldProblems.ts'
import { Page } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'
import { BehaviourFields, CallFields } from './callFields.tsx'
import { Conflict } from './conflict.tsx'
import { changeOf, type Draft, draftOf, EMPTY, newEntryOf } from './draft.ts'
import { Preview } from './preview.tsx'
import { WhenFields } from './whenFields.tsx'

/** The server shows this in place of what a task calls `sensitive`. */
const CONCEALED = '"…"'

/** The form of a new entry. */
export function NewSchedule(): JSX.Element {
  const save = async (draft: Draft): Promise<void> => {
    const { name } = await client.schedules.create(newEntryOf(draft))
    notify(`${visible(name)} is added`)
    go(to(['schedules', name]))
  }
  return (
    <Page title="New schedule">
      <Form before={EMPTY} isNew save={save} cancel={() => go(to('schedules'))} />
    </Page>
  )
}

/** The form that changes an entry: what was changed alone is sent, and only where nothing else has changed it. */
export function EditSchedule(props: { entry: ScheduleDocument; close: () => Promise<void> }): JSX.Element {
  const { close } = props
  const [base, setBase] = useState(props.entry)
  const [theirs, setTheirs] = useState<ScheduleDocument>()
  const mine = useRef<Draft>(EMPTY)
  const before = draftOf(base)
  const save = async (draft: Draft, version = base.version): Promise<void> => {
    const change = changeOf(before, draft)
    if (change !== undefined) {
      try {
        await client.schedules.change(base.name, change, { version })
      } catch (error) {
        if (!(error instanceof ProblemError) || error.kind !== 'schedule-changed') throw error
        setTheirs(await client.schedules.get(base.name))
        return
      }
    }
    notify(change === undefined ? 'Nothing was changed' : `${visible(base.name)} is changed`)
    await close()
  }
  const take = (entry: ScheduleDocument): void => {
    setBase(entry)
    setTheirs(undefined)
  }
  return (
    <Page title={<Outside text={base.name} />}>
      {theirs && (
        <Conflict
          before={before}
          mine={mine.current}
          theirs={draftOf(theirs)}
          keepMine={() => save(mine.current, theirs.version)}
          takeTheirs={() => take(theirs)}
        />
      )}
      <Form
        key={base.version}
        before={before}
        isConcealed={base.concealed === true}
        latest={mine}
        save={(draft) => save(draft)}
        cancel={close}
      />
    </Page>
  )
}

interface FormProps {
  readonly before: Draft
  readonly isNew?: boolean
  readonly isConcealed?: boolean
  /** Has what the form holds. */
  readonly latest?: { current: Draft }
  /** What it throws is shown at its fields. */
  readonly save: (draft: Draft) => Promise<void>
  readonly cancel: () => unknown
}

function Form({ before, isNew = false, isConcealed = false, latest, save, cancel }: FormProps): JSX.Element {
  const [draft, setDraft] = useState(before)
  const [error, setError] = useState<Error>()
  if (latest) latest.current = draft
  const change = (changes: Partial<Draft>): void => setDraft((current) => ({ ...current, ...changes }))
  const press = async (): Promise<void> => {
    setError(undefined)
    try {
      await save(draft)
    } catch (thrown) {
      setError(thrown as Error)
    }
  }
  const part = { draft, change, error }
  return (
    <form class="schedule-form" onSubmit={(event) => event.preventDefault()}>
      <div class="main">
        {isNew && (
          <Text
            label="Name"
            value={draft.name}
            wrong={problemAt(error, '#/name')}
            change={(name) => change({ name })}
          />
        )}
        <WhenFields {...part} />
        <CallFields {...part} isConcealed={isConcealed} />
        <BehaviourFields {...part} />
        {error && !isAtFields(error) && <Problem error={error} />}
        <div class="row">
          <Button kind="primary" submit disabled={whyNotSaved(before, draft, isNew)} onPress={press}>
            {isNew ? 'Add the schedule' : 'Save'}
          </Button>
          <Button onPress={cancel}>Cancel</Button>
        </div>
      </div>
      <div class="beside">
        <Preview draft={draft} />
      </div>
    </form>
  )
}

const SHOWN_AT = [
  '#/name',
  '#/schedule',
  '#/task',
  '#/args',
  '#/kwargs',
  '#/options',
  '#/missed',
  '#/jitter',
  '#/start',
  '#/end',
]

/** All that is wrong is shown beside its field. */
function isAtFields(error: Error): boolean {
  const problems = fieldProblems(error)
  const isShown = (pointer: string): boolean => SHOWN_AT.some((one) => pointer === one || pointer.startsWith(`${one}/`))
  return problems.length > 0 && problems.every(({ pointer }) => isShown(pointer))
}

function whyNotSaved(before: Draft, draft: Draft, isNew: boolean): string | undefined {
  const refusal = whyNot('schedule')
  if (refusal !== undefined) return refusal
  if (isNew && draft.name.trim() === '') return 'Name it first'
  if (draft.task.trim() === '') return 'Name the task first'
  for (const [label, text] of [
    ['arguments', draft.args],
    ['keyword arguments', draft.kwargs],
    ['options', draft.options],
  ] as const)
    if (readJson(text).fault !== undefined) return `The ${label} are no JSON yet`
  const isSent = draft.task !== before.task || draft.args !== before.args || draft.kwargs !== before.kwargs
  if (isSent && (draft.args.includes(CONCEALED) || draft.kwargs.includes(CONCEALED)))
    return `Write the values that the server hides, ${CONCEALED}, first`
  return undefined
}
