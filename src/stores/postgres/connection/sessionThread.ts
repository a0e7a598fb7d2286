import { parentPort, workerData } from 'node:worker_threads'
import { LeaseKeeper } from '../broker/leaseKeeper.ts'
import type { Link } from './link.ts'
import type { Step } from './pipeline.ts'
import type { SessionCommand, SessionFacts, SessionReport } from './session.ts'
import { SessionLink } from './sessionLink.ts'
import { parsePostgresUrl } from './url.ts'

/* The thread of `Session`. */

const { url, name, lease } = workerData as SessionFacts
const port = parentPort as NonNullable<typeof parentPort>
const address = parsePostgresUrl(url)
const keeper = new LeaseKeeper(lease)

/** A connection that is silent is noticed, and another one open, before the lease is over. */
const SILENCE_MS = Math.min(2000, lease / 4)
const STATEMENT_TIMEOUT_MS = Math.min(4000, lease / 4)
const OPEN_TIMEOUT_MS = Math.min(10_000, Math.max(1000, lease / 2))
/** How often a connection without leases is asked whether it lives, ms. */
const PING_MS = 10_000
const PING: Step = { statement: { name: 'ping', text: 'SELECT 1' }, values: [] }

const session = new SessionLink(
  address,
  {
    name,
    openTimeout: OPEN_TIMEOUT_MS,
    statementTimeout: STATEMENT_TIMEOUT_MS,
    silence: SILENCE_MS,
    maxDelay: Math.min(1000, lease / 8),
  },
  report,
)

/** What is to be reported at the end of this turn. */
let problem: SessionReport['problem']
let lost: number[] = []
let listening: number[] = []
let notifications: (readonly [string, string])[] = []
let isGathering = false

/** In one message: all that one piece of data from the server brings. */
function report(part: SessionReport): void {
  if (!isGathering) queueMicrotask(post)
  isGathering = true
  if (part.problem !== undefined) problem = part.problem
  lost.push(...(part.lost ?? []))
  listening.push(...(part.listening ?? []))
  notifications.push(...(part.notifications ?? []))
}

function post(): void {
  port.postMessage({
    ...(problem !== undefined && { problem }),
    lost,
    listening,
    notifications,
  } satisfies SessionReport)
  isGathering = false
  problem = undefined
  lost = []
  listening = []
  notifications = []
}

/** When the server last answered. */
let answered = 0
let isRound = false

async function round(): Promise<void> {
  const { link } = session
  if (!link || isRound || keeper.isIdle) return
  isRound = true
  try {
    const gone = await keeper.round(link)
    answered = performance.now()
    if (gone.length > 0) report({ lost: gone })
    session.noProblem()
  } catch (error) {
    // Renewed in the next round, if the server is available again before the lease is over.
    session.problem(error)
    return
  } finally {
    isRound = false
  }
  await sweep(link)
}

let isSweep = false

/** Beside the rounds, which go on. */
async function sweep(link: Link): Promise<void> {
  if (isSweep) return
  isSweep = true
  try {
    await keeper.sweep(link)
  } catch (error) {
    session.problem(error)
  } finally {
    isSweep = false
  }
}

async function ping(): Promise<void> {
  const { link } = session
  // A pool of connections keeps them alive itself.
  if (!link || address.pooled || performance.now() - answered < 0.9 * PING_MS) return
  try {
    await link.run([PING])
    session.noProblem()
  } catch (error) {
    session.problem(error)
  }
}

const rounds = setInterval(() => void round(), keeper.interval)
const pings = setInterval(() => void ping(), PING_MS)

// From now on it handles commands.
report({})
session.onOpen = () => void round()
void session.open()
port.on('message', (command: SessionCommand) => {
  if ('listen' in command) session.listen(command.listen, command.number)
  if ('unlisten' in command) session.unlisten(command.unlisten)
  if ('remove' in command) keeper.remove(command.remove)
  if ('add' in command) {
    const wasIdle = keeper.isIdle
    keeper.add(command.add)
    // The first round at once: with it begins the patience with other consumers.
    if (wasIdle) void round()
  }
  if ('close' in command) void close()
})

async function close(): Promise<void> {
  clearInterval(rounds)
  clearInterval(pings)
  port.close()
  await session.close()
  // A connection that is being opened would keep the thread.
  process.exit()
}
