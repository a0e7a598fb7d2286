import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { Shown } from '../../parts/page.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'

const SHOWN = 5
const RELOAD_MS = 5000

/** The newest dead letters of a queue, with the way to all of them. */
export function DeadOfQueue({ queue }: { queue: string }): JSX.Element {
  const dead = useResource((signal) => client.deadLetters.list({ queue, limit: SHOWN, signal }), [queue], {
    every: RELOAD_MS,
  })
  return (
    <section class="part" aria-labelledby="dead">
      <header class="head">
        <h2 id="dead">Dead letters</h2>
        <div class="actions">
          <a href={to('dead', { queue })}>All of this queue</a>
        </div>
      </header>
      <Shown of={dead}>
        {({ letters }) =>
          letters.length === 0 ? (
            <p class="quiet">No message of this queue was given up.</p>
          ) : (
            <div class="scroll">
              <table class="dead">
                <tbody>
                  {letters.map(({ id, task, reason, error, diedAt }) => (
                    <tr key={id}>
                      <td class="name">
                        <a href={to(['dead', id])}>
                          <Outside text={task ?? id} />
                        </a>
                      </td>
                      <td>{reason}</td>
                      <td class="cut">
                        <Outside text={`${error.type}: ${error.message}`} length={160} />
                      </td>
                      <td class="right">
                        <Ago at={diedAt} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </section>
  )
}
