import type { JSX } from 'preact'
import type { GapDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { can, me } from '../../app/session.ts'
import { Icon } from '../../parts/icon.tsx'
import { Shown } from '../../parts/page.tsx'
import { counted, duration } from '../../parts/text/format.ts'
import { Moment } from '../../parts/text/time.tsx'

const DAY_MS = 86_400_000
const MAX_GAPS = 20

const WORDS = {
  recording: ['good', 'state-good', 'Recording', 'What happens in the fleet is recorded now.'],
  stopped: ['bad', 'state-bad', 'Stopped', 'No process records now: jobs, statistics and failures are old.'],
  unavailable: ['bad', 'state-bad', 'Unavailable', 'Its file cannot be read: the log of the server says why.'],
  off: ['stopped', 'state-stopped', 'Off', 'Without it there is no history, search and statistics: recorder: true.'],
} as const

/** Whether the fleet is recorded, and what was missed in the last day. */
export function Recorder(): JSX.Element {
  const [kind, icon, word, text] = WORDS[me.value?.recorder ?? 'off']
  return (
    <section class="card">
      <h2>Recorder</h2>
      <p>
        <span class={`state ${kind}`}>
          <Icon name={icon} /> {word}
        </span>{' '}
        <span class="quiet">{text}</span>
      </p>
      {can('record') && can('see') && <Gaps />}
    </section>
  )
}

function Gaps(): JSX.Element {
  const gaps = useResource(async (signal) => {
    const to = new Date()
    const from = new Date(to.getTime() - DAY_MS)
    const { gaps } = await client.recorded.stats({ from, to, step: '1h', by: 'all', signal })
    const [first] = gaps
    // What was before the first record is no gap.
    const isNew = gaps.length === 1 && first?.reason === 'unrecorded' && new Date(first.from) <= from
    return isNew && me.value?.recorder === 'recording' ? { since: first.to, gaps: [] } : { gaps }
  }, [])
  return (
    <>
      <h3>Gaps in the last day</h3>
      <Shown of={gaps}>
        {({ since, gaps: list }) =>
          since !== undefined ? (
            <p class="quiet">
              None. Recording since <Moment at={since} />.
            </p>
          ) : list.length === 0 ? (
            <p class="quiet">None: everything was recorded.</p>
          ) : (
            <ul class="plain-list">
              {list.slice(-MAX_GAPS).map((gap) => (
                <Gap key={gap.from + gap.reason} gap={gap} />
              ))}
            </ul>
          )
        }
      </Shown>
    </>
  )
}

function Gap({ gap }: { gap: GapDocument }): JSX.Element {
  const { from, to, reason, events } = gap
  const lost = events === undefined ? 'events were lost' : `${counted(events, 'event')} lost`
  return (
    <li>
      <Moment at={from} />, for {duration(new Date(to).getTime() - new Date(from).getTime())}:{' '}
      {reason === 'lost' ? lost : 'no recorder ran'}
    </li>
  )
}
