import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { QueueMessageDocument } from '../../../protocol/queueDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { can, me, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Shown } from '../../parts/page.tsx'
import { bytes } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'
import { MessageContent } from './messageContent.tsx'

/** As many as the server shows without being asked for more. */
const SHOWN = 20
const MORE = 100

/** The messages that are served next, without taking them. */
export function Messages({ queue, waiting }: { queue: string; waiting: number }): JSX.Element {
  const [limit, setLimit] = useState(SHOWN)
  const refusal = whyNot('peek')
  const isShown = can('peek')
  // A message that comes or goes changes what is next.
  const found = useResource(
    async (signal) => (isShown ? client.queues.peek(queue, { signal, limit }) : { messages: [] }),
    [queue, limit, isShown, waiting === 0],
  )
  return (
    <section class="part" aria-labelledby="messages">
      <header class="head">
        <h2 id="messages">Next messages</h2>
        <div class="actions">
          {waiting > limit && limit < MORE && <Button onPress={() => setLimit(MORE)}>Show {MORE}</Button>}
          <Button disabled={refusal} onPress={found.reload}>
            Look again
          </Button>
        </div>
      </header>
      {isShown ? (
        <Shown of={found}>{({ messages }) => <List queue={queue} messages={messages} />}</Shown>
      ) : (
        <p class="quiet">{me.value?.broker.startsWith('amqp') ? CANNOT_PEEK : refusal}</p>
      )}
    </section>
  )
}

const CANNOT_PEEK =
  'RabbitMQ shows a message to a consumer alone: to take it and put it back would mark it as redelivered, and count as a delivery on quorum queues.'

function List({ queue, messages }: { queue: string; messages: readonly QueueMessageDocument[] }): JSX.Element {
  if (messages.length === 0) return <p class="quiet">No message waits here now.</p>
  return (
    <div class="scroll">
      <table class="messages">
        <thead>
          <tr>
            <th>
              <span class="unseen">Content</span>
            </th>
            <th>Task</th>
            <th>Arguments</th>
            <th>Job</th>
            <th class="right">Waits</th>
            <th class="right">Retries</th>
            <th class="right">Priority</th>
            <th class="right">Size</th>
          </tr>
        </thead>
        <tbody>
          {messages.map((message, index) => (
            <Row key={message.id ?? index} queue={queue} message={message} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ queue, message }: { queue: string; message: QueueMessageDocument }): JSX.Element {
  const { id, task, argsrepr = '', kwargsrepr = '', since, retries, priority } = message
  const [isOpen, setOpen] = useState(false)
  const args = [argsrepr, kwargsrepr === '{}' ? '' : kwargsrepr].filter((text) => text !== '').join(' ')
  return (
    <>
      <tr>
        <td class="tight">
          <Button
            kind="icon"
            label={`Details of the message ${id ?? ''}`}
            pressed={isOpen}
            onPress={() => setOpen(!isOpen)}
          >
            <Icon name={isOpen ? 'down' : 'right'} />
          </Button>
        </td>
        <td class="name">{task === undefined ? <span class="quiet">Unknown</span> : <Outside text={task} />}</td>
        <td class="cut">
          <Outside text={args} length={120} />
        </td>
        <td class="line">
          {id === undefined ? (
            <span class="quiet">–</span>
          ) : (
            <a href={to(['jobs', id])}>
              <Outside text={id} length={13} />
            </a>
          )}
        </td>
        <td class="right">
          <Ago at={since} />
        </td>
        <td class="right">{retries ?? <span class="quiet">–</span>}</td>
        <td class="right">{priority}</td>
        <td class="right">{bytes(message.bytes)}</td>
      </tr>
      {isOpen && (
        <tr>
          <td colSpan={8}>
            <MessageContent queue={queue} message={message} />
          </td>
        </tr>
      )}
    </>
  )
}
