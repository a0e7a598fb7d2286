import type { JSX } from 'preact'
import type { QueueMessageDocument } from '../../../protocol/queueDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { can, whyNot } from '../../app/session.ts'
import { Facts } from '../../parts/facts.tsx'
import { Shown } from '../../parts/page.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Moment } from '../../parts/text/time.tsx'
import { TitledJson } from '../../parts/text/titledJson.tsx'

/** The server shows at most so many; the message is looked for among them. */
const LOOKED_AT = 100

/** All that a message says of itself; for admins with its headers and arguments. */
export function MessageContent({ queue, message }: { queue: string; message: QueueMessageDocument }): JSX.Element {
  const { id, since, eta, expires, origin, contentType } = message
  const text = (value: string | undefined): JSX.Element | undefined =>
    value === undefined ? undefined : <Outside text={value} />
  const moment = (at: string | undefined): JSX.Element | undefined =>
    at === undefined || Number.isNaN(Date.parse(at)) ? text(at) : <Moment at={at} />
  return (
    <div class="message-content">
      <Facts
        of={[
          ['Id', text(id)],
          ['Could run since', moment(since)],
          ['Not before', moment(eta)],
          ['Expires', moment(expires)],
          ['Sent by', text(origin)],
          ['Content type', text(contentType)],
        ]}
      />
      {can('content') && id !== undefined ? (
        <Inside queue={queue} id={id} />
      ) : (
        <p class="quiet">Headers and arguments: {whyNot('content') ?? 'the message has no id'}.</p>
      )}
    </div>
  )
}

function Inside({ queue, id }: { queue: string; id: string }): JSX.Element {
  const found = useResource(
    async (signal) => {
      const { messages } = await client.queues.peek(queue, { signal, limit: LOOKED_AT, content: true })
      return { content: messages.find((one) => one.id === id)?.content }
    },
    [queue, id],
  )
  return (
    <Shown of={found}>
      {({ content }) => {
        if (!content) return <p class="notice">A worker has taken this message meanwhile.</p>
        const { problem, args, kwargs, headers } = content
        return (
          <>
            {problem !== undefined && <p class="notice">It cannot be read: {problem}</p>}
            {args !== undefined && <TitledJson label="Arguments" value={args} />}
            {kwargs !== undefined && Object.keys(kwargs).length > 0 && (
              <TitledJson label="Keyword arguments" value={kwargs} />
            )}
            <TitledJson label="Headers" value={headers} />
          </>
        )
      }}
    </Shown>
  )
}
