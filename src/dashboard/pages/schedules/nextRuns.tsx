import type { JSX } from 'preact'
import type { WhenDocument } from '../../../protocol/scheduleDocument.ts'
import { to } from '../../app/location.ts'
import { Ago } from '../../parts/text/time.tsx'
import { zoneOf } from './whenWords.ts'

/** The zone of the browser. */
export const LOCAL_ZONE: string = new Intl.DateTimeFormat().resolvedOptions().timeZone

/** The next moments, in the zone of the browser and in that of the schedule. */
export function NextRuns(props: { name?: string; when: WhenDocument; next: readonly string[] }): JSX.Element {
  const { name, when, next } = props
  const zone = zoneOf(when)
  const isOther = zone !== undefined && zone !== LOCAL_ZONE
  return (
    <section class="part" aria-labelledby="next">
      <header class="head">
        <h2 id="next">Next runs</h2>
        {name !== undefined && (
          <div class="actions">
            <a href={to('schedules', { view: 'calendar', name })}>Calendar</a>
          </div>
        )}
      </header>
      {next.length === 0 ? (
        <p class="quiet">None: it is paused, or it is never due again.</p>
      ) : (
        <div class="scroll">
          <table class="next">
            <thead>
              <tr>
                <th>Here ({LOCAL_ZONE})</th>
                {isOther && <th>Its time zone ({zone})</th>}
                <th class="right">In</th>
              </tr>
            </thead>
            <tbody>
              {next.map((at) => (
                <tr key={at}>
                  <td>
                    <time dateTime={at}>{momentIn(at, LOCAL_ZONE)}</time>
                  </td>
                  {isOther && <td>{momentIn(at, zone)}</td>}
                  <td class="right">
                    <Ago at={at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** As `Mon, 30 Nov 2026, 03:00:00`. A zone that this browser does not know is shown in UTC. */
function momentIn(at: string, zone: string): string {
  const known = formats.get(zone) ?? formatOf(zone)
  formats.set(zone, known)
  return known.format(new Date(at))
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const options = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeStyle: undefined } as const
  const time = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const
  return new Intl.DateTimeFormat('en-GB', { ...options, ...time, timeZone })
}
