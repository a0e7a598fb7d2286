import type { JSX } from 'preact'
import type { AlertRuleDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Icon } from '../../parts/icon.tsx'
import { Shown } from '../../parts/page.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Scrolled } from '../../parts/text/scrolled.tsx'
import { Ago } from '../../parts/text/time.tsx'

const EVERY_MS = 10_000

type Alert = AlertRuleDocument['alerts'][number]

const LOOKS: Readonly<Record<Alert['status'], readonly [kind: string, icon: string, word: string]>> = {
  pending: ['again', 'state-waiting', 'Pending'],
  firing: ['bad', 'alert', 'Firing'],
  recovering: ['again', 'state-again', 'Recovering'],
}

/** The rules that watch the fleet, what they find now, and their alerts. */
export function Alerts(): JSX.Element {
  const alerts = useResource((signal) => client.recorded.alerts({ signal }), [], { every: EVERY_MS })
  return (
    <section class="card">
      <h2>Alerts</h2>
      <Shown of={alerts}>
        {({ rules }) =>
          rules.length === 0 ? (
            <p class="quiet">
              No rule watches this fleet. Rules for failure rates, waiting jobs, lost workers and more are the option{' '}
              <code>fleet.alerts</code> of an app, or a file: <code>celeriac dashboard --alerts rules.json</code>.
            </p>
          ) : (
            <Scrolled class="scroll" label="Rules of alerts">
              <table class="health">
                <thead>
                  <tr>
                    <th>Rule</th>
                    <th>Watches</th>
                    <th>Alerts</th>
                    <th>Finds now</th>
                  </tr>
                </thead>
                <tbody>
                  {rules.map((rule) => (
                    <Rule key={rule.rule} rule={rule} />
                  ))}
                </tbody>
              </table>
            </Scrolled>
          )
        }
      </Shown>
    </section>
  )
}

function Rule({ rule: { rule, on, alerts, readings, problem } }: { rule: AlertRuleDocument }): JSX.Element {
  return (
    <tr>
      <td>
        <Outside text={rule} length={100} />
      </td>
      <td>
        <code>{on}</code>
      </td>
      <td>
        {alerts.length === 0 && <span class="quiet">none</span>}
        {alerts.map((alert) => (
          <AlertLine key={alert.subject} alert={alert} />
        ))}
      </td>
      <td>
        {problem !== undefined && (
          <p class="notice">
            <Outside text={problem} length={400} />
          </p>
        )}
        {problem === undefined && readings.length === 0 && <span class="quiet">nothing</span>}
        {readings.map(({ subject, text }) => (
          <div key={subject}>
            <Outside text={text} length={400} />
          </div>
        ))}
      </td>
    </tr>
  )
}

function AlertLine({ alert }: { alert: Alert }): JSX.Element {
  const { status, subject, firedAt, startedAt } = alert
  const [kind, icon, word] = LOOKS[status]
  return (
    <div>
      <span class={`state ${kind}`}>
        <Icon name={icon} /> {word}
      </span>{' '}
      <Outside text={subject} length={100} />{' '}
      <span class="quiet">
        <Ago at={firedAt ?? startedAt} />
      </span>
    </div>
  )
}
