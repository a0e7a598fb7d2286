import { fileURLToPath } from 'node:url'
import { withDeadline } from '../../std/deadline.ts'
import type { InspectorFacts, InspectorSession } from './session.ts'

/** Most calls of a stack that are shown, the innermost. */
const MAX_CALLS = 64

/** One call, as the inspector describes it. */
interface CallFrame {
  readonly functionName: string
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number }
}

/**
 * What a thread executes now, the innermost call first, as `encode (/srv/tasks.ts:12:5)`; undefined where it executes
 * no JavaScript within `limit` ms: it waits, or it is in native code. The thread stands still for a moment. Ends the
 * session.
 */
export async function stackOf(session: InspectorSession, limit: number): Promise<readonly string[] | undefined> {
  const urls = new Map<string, string>()
  const { promise: paused, resolve } = Promise.withResolvers<readonly CallFrame[]>()
  session.on('Debugger.scriptParsed', ({ scriptId, url }) => urls.set(String(scriptId), String(url)))
  session.on('Debugger.paused', ({ callFrames }) => {
    send(session, 'Debugger.resume')
    resolve(callFrames as readonly CallFrame[])
  })
  try {
    send(session, 'Debugger.enable')
    send(session, 'Debugger.pause')
    const calls = await withDeadline(paused, limit, () => undefined)
    // Node's own code alone: its event loop turns.
    if (!calls?.some(({ location }) => !urls.get(location.scriptId)?.startsWith('node:'))) return undefined
    return calls.slice(0, MAX_CALLS).map((call) => callText(call, urls))
  } finally {
    send(session, 'Debugger.disable')
    session.close()
  }
}

/** What it answers does not matter: a thread may have ended, or go on already. */
function send(session: InspectorSession, method: string): void {
  const answer: Promise<InspectorFacts> = session.ask(method)
  answer.catch(() => undefined)
}

/** As in a stack of Node. */
function callText({ functionName, location }: CallFrame, urls: ReadonlyMap<string, string>): string {
  const url = urls.get(location.scriptId) || '<anonymous>'
  const place = `${placeOf(url)}:${location.lineNumber + 1}:${location.columnNumber + 1}`
  return functionName === '' ? place : `${functionName} (${place})`
}

function placeOf(url: string): string {
  try {
    return url.startsWith('file:') ? fileURLToPath(url) : url.slice(0, 500)
  } catch {
    return url.slice(0, 500)
  }
}
