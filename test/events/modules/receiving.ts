/* A receiver in a process of its own: `receiving.ts URL`. It answers each message with what it has used and holds. */
import { Celeriac } from '../../../src/celeriac.ts'
import { EventReceiver } from '../../../src/events/receiver.ts'

/** What a receiver has used and holds. */
export interface Received {
  readonly events: number
  /** Processor time, s. */
  readonly cpu: number
  /** Resident memory, bytes. */
  readonly rss: number
  readonly tasks: number
  readonly alive: number
  readonly refused: number
}

const app = new Celeriac({ broker: process.argv[2], logger: false })
const receiver = new EventReceiver(app, { maxTasks: 5000 })
let events = 0
receiver.onEvent(() => events++)
await receiver.start()

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const { cluster } = receiver
  const [tasks, alive] = [cluster.tasks.size, cluster.alive().length]
  const cpu = (user + system) / 1e6
  const received: Received = { events, cpu, rss: process.memoryUsage.rss(), tasks, alive, refused: cluster.refused }
  process.send?.(received)
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
