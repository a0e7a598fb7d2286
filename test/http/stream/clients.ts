// Many clients in one process: node clients.ts PORT COUNT JOB…; each follows one job by a raw socket until 204, and comes again whenever
// its connection ends. Tells what it has seen when asked.
import { EventClient } from '../eventClient.ts'

export interface Seen {
  /** Connections that are open and have had an event. */
  readonly open: number
  /** Clients that were told by 204 that there is no more. */
  readonly done: number
  readonly events: number
  readonly connections: number
  /** What was not as it must be. */
  readonly wrong: readonly string[]
  /** The last event of each job. */
  readonly ends: Readonly<Record<string, string>>
}

const [, , port = '', count = '', ...jobs] = process.argv
const wrong: string[] = []
const ends: Record<string, string> = {}
let open = 0
let done = 0
let events = 0
let connections = 0

async function follow(job: string, number: number): Promise<void> {
  let last = 0
  for (;;) {
    let heard = false
    connections++
    const headers: Record<string, string> = last === 0 ? {} : { 'last-event-id': String(last) }
    const client = new EventClient(Number(port), `/v1/jobs/${job}/events`, headers, ({ id, event, data }) => {
      if (!heard) open++
      heard = true
      events++
      if (Number(id) !== last + 1) wrong.push(`client ${number}: ${id} ${event} after ${last}`)
      last = Number(id)
      if (event === 'result') ends[job] = data
      // The connection may last for long: what it has told is not kept.
      client.events.length = 0
    })
    await client.ended
    if (heard) open--
    if (client.status === 204) break
    if (client.head !== '' && client.status !== 200) wrong.push(`client ${number}: ${client.head}`)
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400))
  }
  done++
}

process.on('message', () => {
  const seen: Seen = { open, done, events, connections, wrong: wrong.slice(0, 20), ends }
  process.send?.(seen)
})
for (let number = 0; number < Number(count); number++) {
  void follow(jobs[number % jobs.length] as string, number)
  // A queue of connections that wait to be accepted is short.
  if (number % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 10))
}
