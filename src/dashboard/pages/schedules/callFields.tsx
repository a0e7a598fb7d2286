import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { can } from '../../app/session.ts'
import { Choice, Text, type TextProps } from '../../parts/ask/fields.tsx'
import { JsonField } from '../../parts/ask/jsonField.tsx'
import { problemAt } from '../../parts/fieldProblems.ts'
import type { PartProps } from './whenFields.tsx'
import { MISSED, OVERLAP } from './whenWords.ts'

/** What is sent. */
export function CallFields({ draft, change, error, isConcealed }: PartProps & { isConcealed: boolean }): JSX.Element {
  const known = useResource((signal) => client.knownTasks({ signal }), [])
  const names = (known.data?.tasks ?? []).filter(({ exposed }) => exposed || can('callAny')).map(({ name }) => name)
  return (
    <fieldset>
      <legend>What is sent</legend>
      <div class="pair">
        <Text
          label="Task"
          value={draft.task}
          suggestions={names}
          wrong={problemAt(error, '#/task')}
          change={(task) => change({ task })}
        />
        <Text label="Queue" value={draft.queue} hint="Empty: that of the task" change={(queue) => change({ queue })} />
      </div>
      {isConcealed && (
        <p class="notice">The server does not show the arguments. They stay as they are if you leave these.</p>
      )}
      <JsonField
        label="Arguments"
        hint="An array of JSON, by position"
        rows={3}
        text={draft.args}
        refusal={error}
        at="#/args"
        change={(args) => change({ args })}
      />
      <JsonField
        label="Keyword arguments"
        hint="An object of JSON: the input of a task that takes an object"
        rows={4}
        text={draft.kwargs}
        refusal={error}
        at="#/kwargs"
        change={(kwargs) => change({ kwargs })}
      />
      <details open={draft.options !== '{}'}>
        <summary>Other options of the call</summary>
        <JsonField
          label="Options"
          hint='An object of JSON, as {"priority": 5, "expires": "1h", "tags": ["nightly"]}'
          rows={3}
          text={draft.options}
          refusal={error}
          at="#/options"
          change={(options) => change({ options })}
        />
      </details>
    </fieldset>
  )
}

/** How it behaves where something is late. */
export function BehaviourFields({ draft, change, error }: PartProps): JSX.Element {
  const text = (name: 'missedCount' | 'jitter' | 'start' | 'end', more: Pick<TextProps, 'label' | 'hint' | 'type'>) => (
    <Text
      value={draft[name]}
      wrong={problemAt(error, `#/${name === 'missedCount' ? 'missed' : name}`)}
      change={(value) => change({ [name]: value })}
      {...more}
    />
  )
  return (
    <fieldset>
      <legend>How it behaves</legend>
      <div class="pair">
        <Choice
          label="Runs that were missed"
          hint="Their time passed while no beat ran"
          value={draft.missed}
          of={Object.entries({ ...MISSED, all: 'The newest are sent, up to a number' })}
          change={(missed) => change({ missed: missed as typeof draft.missed })}
        />
        {draft.missed === 'all' && text('missedCount', { label: 'At most', hint: '1 to 1000' })}
        <Choice
          label="If the run before goes on"
          value={draft.overlap}
          of={Object.entries(OVERLAP)}
          change={(overlap) => change({ overlap: overlap as typeof draft.overlap })}
        />
        {text('jitter', { label: 'Jitter', hint: 'Each run is sent up to so much later, as 30s' })}
        {text('start', { label: 'Not before', type: 'datetime-local' })}
        {text('end', { label: 'Not after', type: 'datetime-local' })}
      </div>
    </fieldset>
  )
}
