/* In the watchdog's thread of a process, loaded by the first look of the worker. */
import type { Socket } from 'node:net'
import { asError } from '../../../std/thrown.ts'
import { profileOf } from '../../inspector/profile.ts'
import { mainThreadSession } from '../../inspector/session.ts'
import { stackOf } from '../../inspector/stack.ts'
import { type Look, lineReader, type Seen } from './inspectionMessages.ts'

/** Answer the looks that come as text to the returned function: also while the main thread is busy. */
export function inspected(lifeline: Socket): (text: string) => void {
  return lineReader((line) => void answer(JSON.parse(line) as Look, lifeline))
}

async function answer(look: Look, lifeline: Socket): Promise<void> {
  const seen = await seenOf(look).catch((error: unknown): Seen => ({ id: look.id, error: asError(error).message }))
  lifeline.write(`${JSON.stringify(seen)}\n`)
}

async function seenOf(look: Look): Promise<Seen> {
  const session = mainThreadSession()
  if (look.what === 'stack') return { id: look.id, stack: await stackOf(session, look.limit) }
  return { id: look.id, profile: await profileOf(session, look.time) }
}
