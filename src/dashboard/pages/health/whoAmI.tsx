import type { JSX } from 'preact'
import type { AbilitiesDocument } from '../../../protocol/meDocument.ts'
import { can, me, whyNot } from '../../app/session.ts'
import { Facts } from '../../parts/facts.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Outside } from '../../parts/text/outside.tsx'

const ABILITIES: readonly (readonly [ability: keyof AbilitiesDocument, text: string])[] = [
  ['see', 'See the fleet'],
  ['record', 'See what is recorded'],
  ['list', 'List the jobs of the result backend'],
  ['call', 'Call tasks'],
  ['callAny', 'Call any task by its name'],
  ['retry', 'Retry jobs'],
  ['retryEdited', 'Retry jobs with another input'],
  ['revoke', 'Revoke and terminate jobs'],
  ['reschedule', 'Change when a job runs'],
  ['change', 'Change the input, queue or priority of a job'],
  ['forget', 'Forget jobs'],
  ['pause', 'Pause and resume'],
  ['peek', 'See the messages of queues'],
  ['content', 'See the arguments of messages'],
  ['purge', 'Purge queues'],
  ['dead', 'See dead letters'],
  ['redrive', 'Redrive dead letters'],
  ['editDead', 'Drop and edit dead letters'],
  ['schedules', 'See the schedule'],
  ['runSchedule', 'Pause, resume and run schedules'],
  ['schedule', 'Add, change and remove schedules'],
  ['control', 'Command workers, take profiles'],
  ['shutdown', 'Shut workers down'],
  ['audit', 'Read the audit log'],
]

/** Who uses the dashboard, and what the server lets them do. */
export function WhoAmI(): JSX.Element | null {
  const session = me.value
  if (!session) return null
  const { id, role, open, readOnly, name, broker, backend } = session
  return (
    <section class="card">
      <h2>Who am I</h2>
      <Facts
        of={[
          ['Identity', id === undefined ? 'none: the server asks for no token' : <Outside text={id} />],
          ['Role', role ?? 'none: own jobs alone'],
          ['Access', `${open ? 'open to all' : 'by token'}${readOnly ? ', read-only' : ''}`],
          ['App', <Outside text={name} />],
          ['Broker', <Outside text={broker} length={300} />],
          ['Results', <Outside text={backend} length={300} />],
        ]}
      />
      <ul class="abilities">
        {ABILITIES.map(([ability, text]) => (
          <li key={ability} class={can(ability) ? '' : 'quiet'} title={whyNot(ability)}>
            <span class={can(ability) ? 'state good' : 'state stopped'}>
              <Icon name={can(ability) ? 'done' : 'close'} />
              <span class="unseen">{can(ability) ? 'May: ' : 'May not: '}</span>
            </span>
            {text}
          </li>
        ))}
      </ul>
    </section>
  )
}
