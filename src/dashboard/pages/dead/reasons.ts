import type { DeathDocument } from '../../../protocol/deadLetterDocument.ts'

/** Why a message was given up, for people. */
export const REASONS: Readonly<Record<DeathDocument['reason'], readonly [title: string, text: string]>> = {
  failed: ['Failed', 'Its task failed, and its retries are used up.'],
  rejected: ['Rejected', 'Its task rejected it.'],
  undecodable: ['Undecodable', 'It cannot be read.'],
  unknown: ['Unknown task', 'No worker knows its task.'],
  lost: ['Lost', 'Its workers, or their children, ended with it too often.'],
  refused: ['Refused', 'What follows from its task cannot be sent or stored.'],
}
