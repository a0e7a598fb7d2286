import type { JSX } from 'preact'
import type { QueueDocument } from '../../../protocol/queueDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { notify } from '../../parts/toasts.tsx'

/** The queues: what waits in them, and who takes from them. */
export function Queues(): JSX.Element {
  const queues = useResource((signal) => client.queues.list({ signal }), [], { every: 2000 })
  return (
    <Page title="Queues">
      <Shown of={queues}>
        {({ queues: list }) => {
          if (list.length === 0)
            return (
              <Empty title="No queues yet">
                <p>A queue is here when the app declares it, or a worker takes from it.</p>
              </Empty>
            )
          return (
            <div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th>Queue</th>
                    <th class="right">Waiting</th>
                    <th class="right">Oldest</th>
                    <th class="right">Workers</th>
                    <th />
                  </tr>
                </thead>
                <tbody>
                  {list.map((queue) => (
                    <Row key={queue.name} queue={queue} reload={queues.reload} />
                  ))}
                </tbody>
              </table>
            </div>
          )
        }}
      </Shown>
    </Page>
  )
}

function Row({ queue, reload }: { queue: QueueDocument; reload: () => Promise<void> }): JSX.Element {
  const { name, waiting, oldestAge, workers, paused } = queue
  const change = async (): Promise<void> => {
    await (paused ? client.queues.resume(name) : client.queues.pause(name))
    notify(paused ? `${name} goes on` : `${name} is paused`)
    await reload()
  }
  return (
    <tr>
      <td>
        <a href={to(['queues', name])}>
          <bdi>{name}</bdi>
        </a>
      </td>
      <td class="right">{count(waiting)}</td>
      <td class="right">{oldestAge === undefined ? '–' : duration(oldestAge * 1000)}</td>
      <td class="right">{workers.length}</td>
      <td class="tight">
        <Button disabled={whyNot('pause')} onPress={change}>
          {paused ? 'Resume' : 'Pause'}
        </Button>
      </td>
    </tr>
  )
}
