import type { Context } from 'hono'
import { toJson } from '../../protocol/plainJson.ts'
import type { FleetEventDocument } from '../../protocol/recordedDocument.ts'
import type { Followed, FollowOptions, RecordedEvent, Recording } from '../../recorder/recording.ts'
import { isoOf } from '../../std/clock.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireWord } from '../input/query.ts'
import { lastEventId, parseEventId, respondEvents } from '../output/eventAnswer.ts'
import { field } from '../output/eventFormat.ts'
import { answerRecorded, isProblem, requireWords, seenOf } from './recorded.ts'

const READERS = { type: requireWords, task: requireWords, owner: requireWord, last_event_id: parseEventId }

/** `GET /events`: what happens in the fleet as server-sent events, from where the client was, without an end. */
export function fleetEvents(c: Context, scope: HttpScope): Promise<Response> {
  return answerRecorded(c, scope, async (recording) => {
    const query = readQuery(c.req.url, READERS)
    if (query.kind === 'refused') return query.problem
    const { type: types, task, owner, last_event_id: ofUrl } = query.values
    const after = lastEventId(c, ofUrl)
    if (typeof after === 'object') return after
    const seen = seenOf(c, scope, { owner, tasks: task })
    if (isProblem(seen)) return seen
    return respondEvents(c, scope, {}, (signal) => texts(recording, { ...seen, types, after, signal }))
  })
}

async function* texts(recording: Recording, options: FollowOptions): AsyncGenerator<string, void, void> {
  for await (const followed of recording.follow(options)) yield textOf(followed)
}

/** Events that have come together are written together. */
function textOf(followed: Followed): string {
  if (followed.kind === 'events') return followed.events.map(eventText).join('')
  const { after, before } = followed
  return `${field('id', String(before - 1))}${field('event', 'reset')}${field('data', JSON.stringify({ after, before }))}\n`
}

function eventText({ number, type, hostname, at, id, task, fields }: RecordedEvent): string {
  const document: FleetEventDocument = {
    type,
    hostname,
    at: isoOf(at),
    ...(id !== undefined && { id }),
    ...(task !== undefined && { task }),
    fields,
  }
  // Its type may be a task's own: as data it is safe, and as the name of an event it would have to be known.
  return `${field('id', String(number))}${field('event', 'fleet')}${field('data', toJson(document))}\n`
}
